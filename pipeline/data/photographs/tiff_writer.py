"""TIFF files of 8 or 16 bits with EXIF directories, which libraries write for 8 bits only."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from pipeline.data.photographs.metadata import EXIF_IFD, GPS_IFD, KEPT, directory_of
from pipeline.data.photographs.photograph import Metadata

_STRIP_BYTES = 1 << 18
_DEFLATE, _HORIZONTAL = 8, 2
_GRAY, _RGB = 1, 2
_LONG, _UNDEFINED = 4, 7
_OFFSETS, _COUNTS, _ICC = 273, 279, 34675


def encode(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    """A little-endian TIFF file: deflate with horizontal differencing (TIFF 6.0, section 14).

    Args:
        pixels: uint8 or uint16, `[H, W, 3]` RGB or `[H, W]` gray.
        metadata: its EXIF data and profile are stored.
    """
    gray = pixels.ndim == 2
    image = np.ascontiguousarray(pixels[..., None] if gray else pixels)
    height, width, samples = image.shape
    rows = max(1, _STRIP_BYTES // (width * samples * image.itemsize))
    strips = [_strip(image[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    # Pillow adds where the directory ends.
    offsets = [sum(lengths[:index]) for index in range(len(lengths))]
    directory = Directory(b"II*\x00\x00\x00\x00\x00")
    directory[256], directory[257] = width, height
    directory[258] = (8 * image.itemsize,) * samples
    directory[259], directory[317] = _DEFLATE, _HORIZONTAL
    directory[262], directory[277] = _GRAY if gray else _RGB, samples
    directory[278], directory[284] = rows, 1
    directory.tagtype[_OFFSETS] = directory.tagtype[_COUNTS] = _LONG
    directory[_OFFSETS], directory[_COUNTS] = tuple(offsets), tuple(lengths)
    _describe(directory, metadata)
    header = struct.pack("<2sHI", b"II", 42, 8)
    return b"".join([header, directory.tobytes(len(header)), *strips])


def _strip(rows: NDArray[Any]) -> bytes:
    differences = rows.copy()
    # Modulo the range of the samples, as the format wants it.
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(rows.dtype.newbyteorder("<")).tobytes(), 6)


def _describe(directory: Any, metadata: Metadata) -> None:
    if metadata.icc:
        directory.tagtype[_ICC] = _UNDEFINED
        directory[_ICC] = metadata.icc
    if not metadata.exif:
        return
    exif = Pillow.Exif()
    exif.load(metadata.exif)
    directory[274] = 1
    for tag in KEPT:
        if tag in exif:
            directory[tag] = exif[tag]
    for tag in (EXIF_IFD, GPS_IFD):
        if entries := directory_of(exif.get_ifd(tag)):
            directory[tag] = entries
