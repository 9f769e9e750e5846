"""Small archives for tests, honest ones and others."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from collections.abc import Mapping


def noise(count: int, seed: int = 0) -> bytes:
    """Bytes that do not compress, like those of a PNG file."""
    return random.Random(seed).randbytes(count)


def zip_of(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as container:
        for name, content in files.items():
            # A fixed date: the same bytes every time.
            container.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()


def tar_of(files: Mapping[str, bytes], compression: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{compression}") as container:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            container.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def zip_entry(name: str, mode: int, text: bytes = b"/etc/passwd") -> bytes:
    """A zip archive of one member, with a file type and permissions."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, mode << 16
        container.writestr(entry, text)
    return stream.getvalue()


def tar_entry(name: str, kind: bytes, link: str = "") -> bytes:
    """A tar archive of one member of any type, without content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as container:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        container.addfile(entry)
    return stream.getvalue()
