"""Writing photographs: 8 or 16 bits, with EXIF data and color profile, complete or not at all."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from pipeline.data.photographs import tiff_writer
from pipeline.data.photographs.photograph import JPEG_QUALITY, Container, Metadata
from pipeline.files import atomic_file

_PNG_HEADER_END = 33
_MAX_JPEG_EXIF = 65_000


def write_photograph(
    path: Path, pixels: NDArray[Any], container: Container, metadata: Metadata
) -> None:
    """Write a photograph atomically.

    Args:
        path: the file; its folder is created if needed.
        pixels: uint8 or uint16, upright, `[H, W, 3]` RGB or `[H, W]` gray.
        container: how to store them; JPEG takes uint8 only.
        metadata: what to store with them; its orientation is not used.

    Raises:
        DataError: the folder is read-only or full.
        ValueError: JPEG cannot hold the pixels.
    """
    encode = {"png": _png, "tiff": tiff_writer.encode, "jpeg": _jpeg}[container]
    content = encode(pixels, metadata)
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def not_kept(container: Container, metadata: Metadata) -> str | None:
    """What a container cannot hold of the metadata, in words; `None`: nothing."""
    if container == "jpeg" and len(metadata.exif or b"") >= _MAX_JPEG_EXIF:
        return "the EXIF data are too large for JPEG and not kept"
    return None


def _png(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    stored = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    done, encoded = cv2.imencode(".png", stored)
    if not done:
        raise ValueError(f"an image of shape {pixels.shape} cannot be encoded as PNG")
    content = encoded.tobytes()
    extra = list(metadata.color_chunks)
    if metadata.icc:
        extra.append((b"iCCP", b"ICC profile\x00\x00" + zlib.compress(metadata.icc)))
    if metadata.exif:
        extra.append((b"eXIf", metadata.exif))
    chunks = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in extra
    )
    return content[:_PNG_HEADER_END] + chunks + content[_PNG_HEADER_END:]


def _jpeg(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    if pixels.dtype != np.uint8:
        raise ValueError(f"JPEG holds 8 bits per channel, not {pixels.dtype}")
    stream = io.BytesIO()
    exif = metadata.exif or b""
    Pillow.fromarray(pixels).save(
        stream,
        "JPEG",
        quality=JPEG_QUALITY,
        subsampling=0,
        icc_profile=metadata.icc,
        # A segment holds no more.
        exif=b"Exif\x00\x00" + exif if 0 < len(exif) < _MAX_JPEG_EXIF else b"",
    )
    return stream.getvalue()
