"""PNG photographs of every color type, checked before they are decoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from pipeline.data.photographs.metadata import read_exif
from pipeline.data.photographs.photograph import Metadata, Photograph, check_size, damaged
from pipeline.data.photographs.samples import to_rgb
from pipeline.data.png_chunks import image_bytes, unpacked_length, walk_chunks
from pipeline.errors import DataError

COLOR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
"""What the colors mean, apart from a profile (PNG 3rd edition, 11.3.2)."""

_HEADER_END = 33
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_SAMPLES = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _RGB_ALPHA: 4}
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    _RGB_ALPHA: (8, 16),
}
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_MAX_PROFILE = 16 << 20


def decode(path: Path, content: bytes) -> Photograph:
    """Decode a PNG file; `path` is for messages.

    Raises:
        DataError: the file is damaged or too large, or has an animation or transparency.
    """
    depth, color = _checked(path, content)
    named = dict(_chunks(content))
    if b"acTL" in named:
        raise DataError(f"{path}: has an animation; export one image of it")
    if b"tRNS" in named and (color != _PALETTE or min(named[b"tRNS"], default=255) < 255):
        raise DataError(f"{path}: has transparency; flatten it and export it again")
    image: Any = cv2.imdecode(np.frombuffer(_plain(content), np.uint8), cv2.IMREAD_UNCHANGED)
    bits: Literal[8, 16] = 16 if depth == 16 else 8
    if image is None or image.dtype != (np.uint16 if bits == 16 else np.uint8):
        damaged(path, "its image data cannot be decoded")
    pixels = to_rgb(path, image, blue_first=True)
    metadata, notes = _metadata(named)
    gray = color in (_GRAY, _GRAY_ALPHA)
    return Photograph(pixels, "png", bits, gray, metadata, notes)


def _checked(path: Path, content: bytes) -> tuple[int, int]:
    """Bit depth and color type of a file whose every chunk and length is right."""
    if len(content) < _HEADER_END:
        damaged(path, "it ends within its header")
    width, height, depth, color, method, filtering, interlace, crc = struct.unpack(
        ">IIBBBBBI", content[16:_HEADER_END]
    )
    if content[8:16] != b"\x00\x00\x00\rIHDR" or crc != zlib.crc32(content[12:29]):
        damaged(path, "its header is not valid")
    if depth not in _DEPTHS.get(color, ()) or method or filtering or interlace > 1:
        damaged(path, "its header holds values that PNG does not define")
    check_size(path, width, height)
    try:
        chunks = walk_chunks(content)
    except ValueError as error:
        damaged(path, str(error))
    expected = image_bytes(
        width, height, depth, samples=_SAMPLES[color], interlaced=bool(interlace)
    )
    found = unpacked_length(chunks, expected)
    if found != expected:
        damaged(path, f"its image data are not those of {width}x{height} pixels")
    if color == _PALETTE and b"PLTE" not in chunks.names:
        damaged(path, "it has no palette")
    return depth, color


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of all chunks but the image data; the file has been checked."""
    offset = 8
    while offset < len(content):
        length, name = struct.unpack_from(">I4s", content, offset)
        if name == b"IEND":
            return
        if name != b"IDAT":
            yield name, content[offset + 8 : offset + 8 + length]
        offset += length + 12


def _plain(content: bytes) -> bytes:
    """The file with nothing but what its pixels need: over other chunks decoders take minutes."""
    parts, offset = [content[:_HEADER_END]], _HEADER_END
    while True:
        length, name = struct.unpack_from(">I4s", content, offset)
        if name == b"IEND":
            return b"".join([*parts, _END])
        if name in (b"PLTE", b"IDAT"):
            parts.append(content[offset : offset + length + 12])
        offset += length + 12


def _metadata(named: dict[bytes, bytes]) -> tuple[Metadata, tuple[str, ...]]:
    orientation, exif, problem = read_exif(named.get(b"eXIf", b""))
    icc, icc_problem = _profile(named.get(b"iCCP"))
    colors = tuple((name, named[name]) for name in COLOR_CHUNKS if name in named)
    notes = tuple(filter(None, (problem, icc_problem)))
    return Metadata(exif, icc, colors, orientation), notes


def _profile(chunk: bytes | None) -> tuple[bytes | None, str | None]:
    if chunk is None:
        return None, None
    packed = chunk.partition(b"\x00")[2][1:]
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(packed, _MAX_PROFILE)
    except zlib.error:
        profile = b""
    if profile and stream.eof:
        return profile, None
    return None, "the color profile is damaged and not kept"
