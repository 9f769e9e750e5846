"""Temporary files and folders of jobs that were killed while they wrote."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.workflow.processes import say

FOLDERS = ("data", "runs", "results", "reports", "state", "logs")
AGE_S = 24 * 3600.0
"""A job on another machine may still write what is younger."""


def remove_leftovers() -> None:
    """Remove `.tmp-*` below the current folder's outputs in which nothing has changed for a day.

    Links are not followed. What cannot be removed stays, as in a folder that is read-only.
    """
    removed = 0
    for path in list(_found()):
        with contextlib.suppress(OSError):
            if time.time() - _changed(path) > AGE_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                removed += 1
    if removed:
        say(f"Removed {removed} temporary files or folders of jobs that were killed")


def _found() -> Iterator[Path]:
    for name in FOLDERS:
        folder = Path(name)
        if not folder.is_symlink():
            yield from (path for path in folder.rglob(".tmp-*") if not path.is_symlink())


def _changed(path: Path) -> float:
    return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
