"""Unpacks small archives of every kind, and expects success or an error."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.fetch.unpack import unpack
from support.archives import noise, tar_of, zip_of

FILES = {
    "set/train_c/source/1P0A0890.png": noise(40_000),
    "set/train_c/target/1P0A0891.png": noise(30_000, seed=1),
    "set/empty.txt": b"",
}
MAKERS = {
    "zip": zip_of,
    "stored": lambda files: zip_of(files, zipfile.ZIP_STORED),
    "lzma": lambda files: zip_of(files, zipfile.ZIP_LZMA),
    "tar": tar_of,
    "tar.gz": lambda files: tar_of(files, "gz"),
    "tar.bz2": lambda files: tar_of(files, "bz2"),
    "tar.xz": lambda files: tar_of(files, "xz"),
}

Make = Callable[[dict[str, bytes]], bytes]


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def unpacked(folder: Path, *archives: bytes | Path) -> Path:
    paths = []
    for number, archive in enumerate(archives):
        path = archive if isinstance(archive, Path) else folder / f"archive{number}"
        if not isinstance(archive, Path):
            path.write_bytes(archive)
        paths.append(path)
    return unpack(paths, folder / "raw.partial", progress=False)


def refused(folder: Path, archive: bytes) -> str:
    """Expects an error and that nothing was written; returns the message."""
    folder = folder / "deep" / "down"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.raises(DataError) as caught:
        unpacked(folder, archive)
    assert [path.name for path in folder.parent.parent.rglob("*")] == ["deep", "down", "archive0"]
    line = str(caught.value)
    assert line.startswith(str(folder / "archive0"))
    assert "\n" not in line
    return line
