"""Check names, kinds and sizes of archive members before anything is written."""

from __future__ import annotations

import re
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.errors import DataError

MAX_MEMBERS = 20_000
"""Maximum number of files and folders of a set: ten times the 2000 images of DPDD."""

MAX_RATIO = 100
"""Maximum expansion of an archive: images are already compressed."""

SMALL_BYTES = 1 << 20
"""Members up to this size may have any compression ratio."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_NAME_BYTES, _MAX_PATH_BYTES = 255, 1024
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_SHOWN = 300


class Member(NamedTuple):
    """A regular file in an archive: its path below the target and its size in bytes."""

    archive: Path
    entry: zipfile.ZipInfo | tarfile.TarInfo
    path: PurePosixPath
    size: int


def zip_name(entry: zipfile.ZipInfo) -> str:
    """The name of a zip archive's member, with slashes; Windows may have written backslashes.

    macOS writes UTF-8 without the flag that says so.
    """
    # `filename` is cut at a NUL; `orig_filename` is not.
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = entry.orig_filename
    return name.replace("\\", "/")


def safe_path(archive: Path, name: str) -> PurePosixPath:
    """The path of a member below the target, its letters composed (NFC).

    Raises:
        DataError: it would leave the target, or is not valid on every file system.
    """
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/") or "\\" in name:
        raise _refused(archive, name, "would leave the target")
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    try:
        longest = max((len(part.encode()) for part in path.parts), default=0)
        fits = longest <= _MAX_NAME_BYTES and len(name.encode()) <= _MAX_PATH_BYTES
    except UnicodeEncodeError:
        fits = False
    if _CONTROL.search(name) or not fits or not path.parts:
        raise _refused(archive, name, "has an impossible name")
    return path


def check_zip_entry(archive: Path, entry: zipfile.ZipInfo) -> None:
    """Make sure that an entry of a zip archive is a readable regular file or folder.

    Raises:
        DataError: it is a link, a device or encrypted, or expands beyond `MAX_RATIO`.
    """
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(archive, entry.filename, "is a link or a device")
    if entry.flag_bits & _ENCRYPTED:
        raise DataError(
            f"{archive}: its member {entry.filename!a} is encrypted; "
            "unpack it yourself, with its password, and name its folder"
        )
    if entry.file_size > max(SMALL_BYTES, MAX_RATIO * entry.compress_size):
        raise _refused(archive, entry.filename, f"unpacks to {entry.file_size} bytes")


def check_tar_entry(archive: Path, entry: tarfile.TarInfo) -> None:
    """Make sure that an entry of a tar archive is a regular file or folder.

    Raises:
        DataError: it is a link, a device or a sparse file, or has an invalid size.
    """
    if not (entry.isdir() or (entry.isreg() and not entry.issparse())):
        raise _refused(archive, entry.name, "is a link, a device or a sparse file")
    # `tarfile` takes negative sizes from the header, and would seek backwards in an endless loop.
    if entry.size < 0:
        raise _refused(archive, entry.name, f"has a size of {entry.size}")


def check_together(folders: Iterable[tuple[Path, PurePosixPath]], members: list[Member]) -> None:
    """Make sure that all members can coexist on any file system.

    Args:
        folders: archive and path of each folder named in an archive.
        members: the files of all archives.

    Raises:
        DataError: two files have the same name (ignoring case), a file has the name of a folder,
            or the total size exceeds `MAX_RATIO`.
    """
    taken: dict[str, Member] = {}
    for member in members:
        if taken.setdefault(_folded(member.path), member) is not member:
            raise _refused(member.archive, str(member.path), "is there twice")
    inner = [(member.archive, parent) for member in members for parent in member.path.parents]
    for archive, folder in [*folders, *inner]:
        if _folded(folder) in taken:
            raise _refused(archive, str(folder), "is both a file and a folder")
    for archive in {member.archive for member in members}:
        size = sum(member.size for member in members if member.archive == archive)
        if size > max(SMALL_BYTES, MAX_RATIO * archive.stat().st_size):
            raise DataError(f"{archive}: would unpack to {size} bytes; check where it came from")


def _folded(path: PurePosixPath) -> str:
    # The way file systems of macOS and Windows compare names; Windows drops dots and spaces.
    parts = (part.rstrip(". ") or part for part in path.parts)
    return unicodedata.normalize("NFC", "/".join(parts)).casefold()


def _refused(archive: Path, name: str, reason: str) -> DataError:
    shown = f"{name!a:.{_SHOWN}}"
    return DataError(f"{archive}: its member {shown} {reason}; check where the archive came from")
