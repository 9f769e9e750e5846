"""RGB PNG files with 16 bits per channel (or 8, for reduced copies), checked before decoding.

Only OpenCV's unchanged mode keeps 16 bits per channel; Pillow and the readers built on it
silently return 8.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.data.bit_depth import widened
from pipeline.data.png_chunks import Chunks, image_bytes, unpacked_length, walk_chunks
from pipeline.errors import DataError
from pipeline.files import atomic_file

MAX_PIXELS = 1 << 26
"""Largest image that is decoded: twice the 6720x4480 frame of the camera that took DPDD."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = len(_SIGNATURE) + 25
_RGB = 2
# What changes how the pixels are shown.
_REFUSED = {b"acTL": "has an animation", b"tRNS": "has transparency"}
# The largest possible expansion of a deflate stream (RFC 1951: two bits yield 258 bytes).
_MAX_EXPANSION = 1032
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_COLORS = {0: "gray", 2: "RGB", 3: "palette", 4: "gray with alpha", 6: "RGB with alpha"}

Image = npt.NDArray[np.uint16]


class PngHeader(NamedTuple):
    """Size in pixels, bits per channel and PNG color type (2 is RGB) of a file."""

    width: int
    height: int
    bit_depth: int
    color_type: int


class DecodedImage(NamedTuple):
    """Pixels, uint16 [H, W, 3], RGB, full range 0..65535, and the header of their file."""

    pixels: Image
    header: PngHeader


def check_png16(path: Path) -> PngHeader:
    """Check chunk by chunk, without decoding, that a file is a complete 16-bit RGB PNG.

    Returns:
        Its header.

    Raises:
        DataError: the file is missing, truncated, damaged, too large, or not 16-bit RGB.
    """
    return _check_content(path, read_bytes(path), (16,))[0]


def read_png(path: Path) -> DecodedImage:
    """Read a 16-bit or 8-bit RGB PNG; see `decode_png`.

    Raises:
        DataError: the file is missing, truncated, damaged, too large, or another kind of PNG.
    """
    return decode_png(path, read_bytes(path))


def decode_png(path: Path, content: bytes, *, known: bool = False) -> DecodedImage:
    """Decode the content of a 16-bit or 8-bit RGB PNG.

    8-bit values are widened to 16 bits; see `pipeline.data.bit_depth.widened`.

    Args:
        path: origin of the content, for error messages.
        content: the whole file.
        known: whether it was decoded before, as its checksum shows: it is not checked again that
            the image data end where the image does, which takes as long as decoding.

    Returns:
        uint16 pixels [H, W, 3], RGB, 0..65535, and the header, with the bit depth of the file.

    Raises:
        DataError: the content is truncated, damaged, too large, or neither 16-bit nor 8-bit RGB.
    """
    header, chunks = _check_content(path, content, (8, 16))
    if not known:
        _check_length(path, header, chunks)
    # Without the other chunks, over some of which the decoder takes minutes.
    plain = np.frombuffer(chunks.essential(content), np.uint8)
    image: Any = cv2.imdecode(plain, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise _damaged(path, "its image data cannot be decoded")
    expected = np.uint16 if header.bit_depth == 16 else np.uint8
    if image.dtype != expected or image.shape != (header.height, header.width, 3):
        raise DataError(
            f"{path}: decodes to {image.dtype} {image.shape}, which is not {header.bit_depth}-bit "
            "RGB; export it again as RGB PNG without transparency"
        )
    pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return DecodedImage(pixels if header.bit_depth == 16 else widened(pixels), header)


def write_png16(path: Path, image: Image) -> None:
    """Write a 16-bit RGB PNG atomically.

    Args:
        path: the file; its folder is created if needed.
        image: uint16 [H, W, 3], RGB.

    Raises:
        DataError: the folder is read-only or full.
        ValueError: `image` is not a non-empty uint16 array of that shape.
    """
    if image.dtype != np.uint16 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"expected uint16 [H, W, 3], got {image.dtype} {image.shape}")
    done, content = cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))
    if not done:
        raise ValueError(f"{path}: an image of shape {image.shape} cannot be encoded as PNG")
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.tobytes())


def read_bytes(path: Path) -> bytes:
    """Read a file that should be an image.

    Raises:
        DataError: it is missing, not a file, unreadable, or too large for an image.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a file; name an RGB PNG")
    try:
        if path.stat().st_size > 8 * MAX_PIXELS:
            raise DataError(f"{path}: too large for an image; check where this file came from")
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error


def _parse_header(path: Path, content: bytes) -> PngHeader:
    if content[: len(_SIGNATURE)] != _SIGNATURE:
        raise DataError(f"{path}: not a PNG file; convert it to 16-bit RGB PNG")
    if len(content) < _HEADER_BYTES:
        raise _damaged(path, "it ends within its header")
    length, name, width, height, depth, color, compression, filtering, interlace, crc = (
        struct.unpack(">I4sIIBBBBBI", content[8:_HEADER_BYTES])
    )
    if (length, name) != (13, b"IHDR") or crc != zlib.crc32(content[12:29]):
        raise _damaged(path, "its header is not valid")
    if depth not in _DEPTHS.get(color, ()) or compression or filtering or interlace > 1:
        raise _damaged(path, "its header holds values that PNG does not define")
    if not width or not height:
        raise _damaged(path, f"it claims a size of {width}x{height}")
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path}: claims {width}x{height} pixels, more than the {MAX_PIXELS} allowed; "
            "check where this file came from or reduce it"
        )
    return PngHeader(width, height, depth, color)


def _check_content(path: Path, content: bytes, depths: tuple[int, ...]) -> tuple[PngHeader, Chunks]:
    header = _parse_header(path, content)
    if header.bit_depth not in depths or header.color_type != _RGB:
        raise DataError(
            f"{path}: {header.bit_depth}-bit {_COLORS[header.color_type]}, not 16-bit RGB; "
            "export it again from the original as 16-bit RGB PNG"
        )
    try:
        chunks = walk_chunks(content)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    for name, what in _REFUSED.items():
        if name in chunks.names:
            raise DataError(f"{path}: {what}; export it again as RGB PNG without it")
    if image_bytes(*header[:3], interlaced=False) > _MAX_EXPANSION * chunks.data_bytes:
        raise _damaged(
            path,
            f"{chunks.data_bytes} bytes cannot hold the {header.width}x{header.height} pixels "
            "claimed",
        )
    return header, chunks


def _check_length(path: Path, header: PngHeader, chunks: Chunks) -> None:
    """Make sure that the image data are those of an image of this size, no more and no less."""
    expected = image_bytes(*header[:3], interlaced=chunks.interlaced)
    found = unpacked_length(chunks, expected)
    if found is None:
        raise _damaged(path, "its image data cannot be decoded")
    if found != expected:
        raise _damaged(path, f"its image data are not of {header.width}x{header.height} pixels")


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: damaged PNG, {reason}; copy or download it again")
