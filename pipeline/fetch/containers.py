"""Read zip and tar archives, listing and members, without trusting anything in them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from pipeline.errors import DataError
from pipeline.fetch.archive import HEAD_BYTES, Kind, Unavailable, kind_of
from pipeline.fetch.members import (
    MAX_MEMBERS,
    MAX_RATIO,
    SMALL_BYTES,
    Member,
    check_tar_entry,
    check_zip_entry,
    safe_path,
    zip_name,
)
from pipeline.fetch.tree import is_junk

_CHUNK = 1 << 20
# A tar header that needs more than this at once does not belong to an image.
_MAX_READ = 1 << 24
# Exceptions of the standard library on damaged archives.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
    RuntimeError,
    # LZMA asks for as much memory as the file claims to need.
    MemoryError,
)
_LONGEST = 200

Reader = Callable[[Member], Iterator[bytes]]


class Listing(NamedTuple):
    """Files and folders named in an archive; apart from them, the by-products of file managers."""

    files: list[Member]
    folders: list[PurePosixPath]
    skipped: list[PurePosixPath]


def list_archive(archive: Path) -> Listing:
    """List an archive.

    Compressed tar archives are read to the end, including their checksum.

    Raises:
        DataError: it cannot be read, is damaged, is not an archive, or has a forbidden member.
    """
    kind = _kind(archive)
    files: list[Member] = []
    folders: list[PurePosixPath] = []
    skipped: list[PurePosixPath] = []
    with _explained(archive):
        for count, (entry, name, folder, size) in enumerate(
            _zip_entries(archive) if kind == "zip" else _tar_entries(archive, kind)
        ):
            if count == MAX_MEMBERS:
                raise DataError(
                    f"{archive}: has more than {MAX_MEMBERS} members; check where it came from"
                )
            if folder and not name.strip("./"):
                continue
            if is_junk(PurePosixPath(name)):
                # Never written, so its name may be one that no other system can hold.
                skipped += [] if folder else [PurePosixPath(name)]
                continue
            path = safe_path(archive, name)
            if folder:
                folders.append(path)
            else:
                files.append(Member(archive, entry, path, size))
    if not files:
        raise Unavailable(f"{archive}: holds no files; download it again")
    return Listing(files, folders, skipped)


@contextmanager
def reader(archive: Path) -> Iterator[Reader]:
    """Open an archive; gives a function that yields the bytes of a member and checks them.

    Read members of compressed tar archives in their order, for speed.

    Raises:
        DataError: (from the function) the member is damaged, or longer or shorter than stated.
    """
    kind = _kind(archive)
    with _explained(archive):
        container = zipfile.ZipFile(archive) if kind == "zip" else _Unpacked(archive, kind)
    with container:

        def read(member: Member) -> Iterator[bytes]:
            done = 0
            with _explained(archive, member):
                for chunk in _chunks(container, member):
                    done += len(chunk)
                    yield chunk
                if done != member.size:
                    raise EOFError(f"it ends after {done} of {member.size} bytes")

        yield read


def _chunks(container: zipfile.ZipFile | _Unpacked, member: Member) -> Iterator[bytes]:
    if isinstance(container, zipfile.ZipFile):
        # `zipfile` never reads beyond the stated size, and verifies the checksum at the end.
        with container.open(member.entry) as stream:  # type: ignore[arg-type]
            yield from iter(lambda: stream.read(_CHUNK), b"")
        return
    container.seek(member.entry.offset_data)  # type: ignore[union-attr]
    left = member.size
    while left and (chunk := container.read(min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk


Entry = tuple[zipfile.ZipInfo | tarfile.TarInfo, str, bool, int]


def _zip_entries(archive: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as container:
        for entry in container.infolist():
            check_zip_entry(archive, entry)
            name = zip_name(entry)
            yield entry, name, name.endswith("/"), entry.file_size


def _tar_entries(archive: Path, kind: Kind) -> Iterator[Entry]:
    with _Unpacked(archive, kind) as stream:
        with tarfile.open(fileobj=stream, mode="r:") as container:  # type: ignore[call-overload]
            for entry in container:
                check_tar_entry(archive, entry)
                yield entry, entry.name, entry.isdir(), entry.size
            # At a broken header, `tarfile` stops as if the archive ended there.
            if stream.last != bytes(HEAD_BYTES):
                raise EOFError("it has no end mark")
        while stream.read(_CHUNK):
            pass


class _Unpacked:
    """A decompressed tar archive, limited to an expansion of `MAX_RATIO`."""

    def __init__(self, archive: Path, kind: Kind) -> None:
        opener = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}.get(kind, open)
        self._archive = archive
        self._stream: IO[bytes] = opener(archive, "rb")  # type: ignore[operator]
        self._limit = max(SMALL_BYTES, MAX_RATIO * archive.stat().st_size)
        self.last = b""

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer at the end."""
        if not 0 <= count <= _MAX_READ or self._stream.tell() > self._limit:
            raise DataError(f"{self._archive}: expands too far; check where it came from")
        self.last = self._stream.read(count)
        return self.last

    def seek(self, offset: int) -> int:
        """Go to a byte."""
        return self._stream.seek(offset)

    def tell(self) -> int:
        """Position of the next byte."""
        return self._stream.tell()


def _kind(archive: Path) -> Kind:
    try:
        with archive.open("rb") as stream:
            return kind_of(str(archive), stream.read(HEAD_BYTES))
    except OSError as error:
        raise DataError(
            f"{archive}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error


@contextmanager
def _explained(archive: Path, member: Member | None = None) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        where = f"its member {str(member.path)!a} is damaged" if member else "is damaged"
        # The libraries quote what the archive holds.
        reason = ascii(str(error))[1:-1][:_LONGEST] or type(error).__name__
        raise Unavailable(
            f"{archive}: {where} ({reason}); delete it and download it again"
        ) from error
