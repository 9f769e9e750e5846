"""Free space, asked for before a long job instead of run out of in the midst of it."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

from rich.filesize import decimal

from pipeline.errors import DataError


def need_room(*needs: tuple[Path, int]) -> None:
    """Make sure that what will be written fits.

    Args:
        needs: folder (which need not exist yet) and bytes that will be added to it. Folders on
            one file system share its space.

    Raises:
        DataError: it doesn't fit.
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
    """Bytes free where `folder` lies, or would lie."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())
