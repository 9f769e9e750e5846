"""A photograph: its pixels as stored, and what the file says about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from pipeline.data.png import MAX_PIXELS, Image
from pipeline.errors import DataError

Container = Literal["png", "tiff", "jpeg"]

SUFFIXES: dict[str, Container] = {
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
"""Containers by the ends of file names, in lower case."""

JPEG_QUALITY = 95
"""Of JPEG files that are written, without chroma subsampling."""


@dataclass(frozen=True)
class Metadata:
    """What is kept of a file besides pixels.

    `exif`: a TIFF structure, with the orientation reset. `icc`: the color profile. `color_chunks`:
    names and contents of the PNG chunks that say what the colors mean. `orientation`: how the
    stored pixels must be turned to be upright, 1 to 8 (EXIF 2.32, tag 274).
    """

    exif: bytes | None = None
    icc: bytes | None = None
    color_chunks: tuple[tuple[bytes, bytes], ...] = ()
    orientation: int = 1


@dataclass(frozen=True)
class Photograph:
    """Pixels as stored, not turned: uint16 `[H, W, 3]`, RGB, full range 0..65535.

    `bits`: per channel in the file; 8-bit values are widened. `gray`: the file has one channel, so
    that the three here are equal. `notes`: what could not be kept, for the user.
    """

    pixels: Image
    container: Container
    bits: Literal[8, 16]
    gray: bool
    metadata: Metadata
    notes: tuple[str, ...] = ()


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse an empty image, and one that is too large to be decoded.

    Raises:
        DataError: there are no pixels, or more than 2**26 (67 megapixels).
    """
    if min(width, height) < 1:
        damaged(path, f"it claims a size of {width}x{height}")
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path}: claims {width}x{height} pixels, more than the {MAX_PIXELS} allowed; "
            "check where this file came from, or reduce it"
        )


def damaged(path: Path, reason: str) -> NoReturn:
    """Refuse a damaged file.

    Raises:
        DataError: always.
    """
    raise DataError(f"{path}: damaged image, {reason}; copy it again or export it again")
