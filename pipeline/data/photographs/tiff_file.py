"""TIFF photographs as raw developers write them: the first image of the file."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from pipeline.data.photographs.metadata import ORIENTATION, read_exif
from pipeline.data.photographs.photograph import Metadata, Photograph, check_size, damaged
from pipeline.data.photographs.samples import to_rgb
from pipeline.errors import DataError, one_line

_WIDTH, _HEIGHT, _BITS, _COLORS, _SAMPLES, _PLANES, _FORMAT = 256, 257, 258, 262, 277, 284, 339
_ICC, _DNG = 34675, 50706
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_RAW = (32803, 34892)
"""Color filter array, and linear raw (TIFF/EP, DNG)."""
_UNSIGNED, _TOGETHER = 1, 1


def decode(path: Path, content: bytes) -> Photograph:
    """Decode the first image of a TIFF file; `path` is for messages.

    Raises:
        DataError: the file is damaged or too large, a raw file, or of an unsupported kind.
    """
    tags = _tags(path, content)
    bits, colors = _kind(path, tags)
    try:
        # Decoders would turn the image.
        plain = _without_orientation(content) if tags.get(ORIENTATION, 1) != 1 else content
        image = _deep(plain) if bits == 16 else _shallow(plain)
    except Exception:  # Decoders raise errors of many types on damaged files.
        image = None
    size = (tags[_HEIGHT], tags[_WIDTH])
    if image is None or image.shape[:2] != size or image.dtype != np.dtype(f"u{bits // 8}"):
        damaged(path, "it is truncated or its data cannot be decoded")
    if bits == 16 and colors == _WHITE_IS_ZERO:
        image = ~image
    pixels = to_rgb(path, image, blue_first=bits == 16)
    orientation, exif, problem = read_exif(content)
    icc = tags.get(_ICC)
    metadata = Metadata(exif, icc if isinstance(icc, bytes) else None, (), orientation)
    gray = colors in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
    notes = tuple(filter(None, [problem]))
    return Photograph(pixels, "tiff", 16 if bits == 16 else 8, gray, metadata, notes)


def _tags(path: Path, content: bytes) -> dict[int, Any]:
    """The entries of the first directory."""
    try:
        found = Pillow.Exif()
        found.load(content)
        tags = dict(found)
        width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    except Exception:  # Pillow raises errors of many types on damaged files.
        damaged(path, "its directory cannot be read")
    check_size(path, width, height)
    return tags


def _kind(path: Path, tags: dict[int, Any]) -> tuple[int, int]:
    """Bits per channel and color interpretation of a file that can be read."""
    colors = tags.get(_COLORS, -1)
    if _DNG in tags or colors in _RAW:
        raise DataError(f"{path}: a raw file; develop it to TIFF, PNG or JPEG first")
    depths = tags.get(_BITS, 1)
    depths = set(depths) if isinstance(depths, tuple) else {depths}
    formats = tags.get(_FORMAT, _UNSIGNED)
    formats = set(formats) if isinstance(formats, tuple) else {formats}
    if formats != {_UNSIGNED} or depths not in ({8}, {16}):
        listed = one_line(", ".join(sorted(map(str, depths))))
        raise DataError(
            f"{path}: {listed} bits per channel, or not whole numbers; export it with 8 or 16 bits"
        )
    (bits,) = depths
    known = {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB} | ({_PALETTE, _YCBCR} if bits == 8 else set())
    if colors not in known:
        raise DataError(f"{path}: neither gray nor RGB; export it as RGB")
    if bits == 16 and tags.get(_PLANES, _TOGETHER) != _TOGETHER and tags.get(_SAMPLES, 1) > 1:
        raise DataError(f"{path}: its channels lie apart (planar); export it with pixels together")
    return bits, colors


def _deep(content: bytes) -> NDArray[Any] | None:
    """16-bit samples, by OpenCV, in its order of channels; `None` if they cannot be decoded."""
    image: NDArray[Any] | None = cv2.imdecode(
        np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED
    )
    return image


def _without_orientation(content: bytes) -> bytes:
    """The file with orientation 1 in its first directory."""
    order = "<" if content[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, offset)
    changed = bytearray(content)
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", content, entry) == (ORIENTATION,):
            struct.pack_into(f"{order}HIHH", changed, entry + 2, 3, 1, 1, 0)
    return bytes(changed)


def _shallow(content: bytes) -> NDArray[Any]:
    """8-bit samples, by Pillow; palettes and YCbCr become RGB."""
    image = Pillow.open(io.BytesIO(content), formats=["TIFF"])
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return np.asarray(image)
    return np.asarray(image.convert("RGBA" if image.mode == "PA" else "RGB"))
