"""EXIF data: the orientation read and reset, and what belongs to the old file's layout left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image as Pillow

ORIENTATION = 274
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_INTEROPERABILITY = 0xA005
_WIDTH, _HEIGHT = 0xA002, 0xA003
# Descriptive tags of the first directory (TIFF 6.0, EXIF 2.32); the others say how pixels lie.
KEPT = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432)
"""Description, make, model, resolution (x, y, unit), software, date, artist, copyright."""
_PREFIX = b"Exif\x00\x00"


def read_exif(data: bytes) -> tuple[int, bytes | None, str | None]:
    """Read EXIF data and make them fit a new, upright file.

    Args:
        data: a TIFF structure, with or without the prefix that JPEG has; a TIFF file is one.

    Returns:
        The orientation, 1 to 8; the data with orientation 1, and without thumbnail and size, or
        `None` if there are none; what is wrong with them, or `None`.
    """
    if not data:
        return 1, None, None
    try:
        found = Pillow.Exif()
        found.load(data)
        orientation = found.get(ORIENTATION, 1)
        kept = {tag: found[tag] for tag in KEPT if tag in found}
        directories = {
            tag: directory_of(found.get_ifd(tag)) for tag in (EXIF_IFD, GPS_IFD) if tag in found
        }
    except Exception:  # Pillow raises errors of many types on damaged data.
        return 1, None, "the EXIF data are damaged and not kept"
    if orientation not in range(1, 9):
        orientation = 1
    fresh = _built(kept, directories)
    problem = None if fresh is not None else "the EXIF data cannot be rewritten and are not kept"
    return orientation, fresh if kept or any(directories.values()) else None, problem


def directory_of(entries: Mapping[int, Any]) -> dict[int, Any]:
    """The entries of an EXIF directory that also hold for another file."""
    left_out = {_INTEROPERABILITY, _WIDTH, _HEIGHT}
    return {tag: value for tag, value in entries.items() if tag not in left_out}


def _built(kept: dict[int, Any], directories: dict[int, dict[int, Any]]) -> bytes | None:
    fresh = Pillow.Exif()
    fresh[ORIENTATION] = 1
    for tag, value in kept.items():
        fresh[tag] = value
    for tag, entries in directories.items():
        if entries:
            fresh.get_ifd(tag).update(entries)
    try:
        return fresh.tobytes().removeprefix(_PREFIX)
    except Exception:  # A value that its tag cannot hold.
        return None
