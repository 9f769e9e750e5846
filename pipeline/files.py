"""Files: atomic writes, checksums, and a check of free space before a long job."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.filesize import decimal

from pipeline.errors import DataError

_EFFECTIVE = os.access in os.supports_effective_ids


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check that it exists"
        ) from error


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an error of the operating system while `target` is written into a `DataError`.

    Raises:
        DataError: the folder is read-only or full.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written ({error.strerror}); "
            "free some space or choose an output folder you may write to"
        ) from error


def need_writable(folder: Path) -> None:
    """Check, before a long job, that files can be written in `folder`; make nothing.

    Args:
        folder: need not exist yet.

    Raises:
        DataError: it, or the folder in which it would be made, is read-only or not a folder.
    """
    if not is_writable(folder):
        raise DataError(
            f"{folder}: cannot be written (read-only, or a file is in the way); "
            "change its permissions or choose another folder"
        )


def is_writable(folder: Path) -> bool:
    """Whether files can be written in `folder`, which need not exist yet."""
    try:
        there = _existing(folder)
    except PermissionError:
        # A folder above it must not be entered.
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path next to `target`; on success it is renamed to `target`.

    On any error the temporary file is removed and an earlier `target` stays as it was.

    Raises:
        DataError: the folder is read-only or full.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tmp-", suffix=target.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder next to `target`; on success it replaces `target`.

    On any error the temporary folder is removed and an earlier `target` stays as it was.

    Raises:
        DataError: the parent folder is read-only or full.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".tmp-{target.name}-"))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            _exchange(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, target: Path) -> None:
    if not target.exists():
        new.replace(target)
        return
    # Moved aside, not removed, until the new one is in place.
    earlier = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".tmp-{target.name}-"))
    try:
        target.replace(earlier)
        try:
            new.replace(target)
        except BaseException:
            earlier.replace(target)
            raise
    finally:
        shutil.rmtree(earlier, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` atomically, as UTF-8.

    Raises:
        DataError: the folder is read-only or full.
    """
    with atomic_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file atomically.

    Raises:
        DataError: the folder is read-only or full.
    """
    with atomic_file(target) as temporary:
        shutil.copyfile(source, temporary)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name: a hard link, which takes no space, or a copy where links fail.

    Only for files that are replaced as a whole, never changed in place.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def need_room(*needs: tuple[Path, int]) -> None:
    """Check that there is enough free space for what will be written.

    Args:
        needs: pairs of a folder, which need not exist yet, and the bytes that will be added to it.
            Folders on one file system share its space.

    Raises:
        DataError: there is not enough space.
    """
    together: defaultdict[int, int] = defaultdict(int)
    folders: dict[int, Path] = {}
    for folder, size in needs:
        there = _existing(folder)
        device = there.stat().st_dev
        together[device] += size
        folders.setdefault(device, there)
    for device, size in together.items():
        free = free_bytes(folders[device])
        if size > free:
            raise DataError(
                f"{folders[device]}: needs {decimal(size)} and has {decimal(free)} free; "
                "free some space or choose another folder"
            )


def free_bytes(folder: Path) -> int:
    """Free bytes on the file system of `folder`, which need not exist yet."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())
