"""What lies in a folder."""

from __future__ import annotations

from pathlib import Path


def content(folder: Path) -> dict[str, bytes]:
    """Content of its files, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names(folder: Path) -> set[str]:
    """Names of all that lies in it."""
    """What lies in a folder, lock files aside."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}
