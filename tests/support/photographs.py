"""Small photographs of every kind, written by other libraries than the one under test."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(bits: int = 8, channels: int = 3, size: tuple[int, int] = (10, 14)) -> NDArray[Any]:
    """Random samples `[H, W, channels]`."""
    random = np.random.default_rng(bits + channels)
    return random.integers(0, 2**bits, (*size, channels)).astype(f"u{bits // 8}")


def exif(orientation: int = 1) -> Any:
    """EXIF data of a camera: a make, an exposure, a place."""
    made = Image.Exif()
    made[274], made[271] = orientation, "Maker"
    made.get_ifd(0x8769)[33434] = (1, 50)
    made.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    made.get_ifd(0x8825)[1] = "N"
    return made


def encoded(image: Any, kind: str, **options: Any) -> bytes:
    """A file made by Pillow, of an array or of an image."""
    stream = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(stream, kind, **options)
    return stream.getvalue()


def opencv(image: NDArray[Any], suffix: str, *options: int) -> bytes:
    """A file made by OpenCV, of RGB or RGBA."""
    if image.ndim == 3 and image.shape[2] >= 3:
        image = image[..., [2, 1, 0, *range(3, image.shape[2])]]
    done, content = cv2.imencode(suffix, np.ascontiguousarray(image), options)
    assert done
    return bytes(content.tobytes())


def png(image: NDArray[Any], color: int) -> bytes:
    """A PNG file of any color type, by hand."""
    height, width = image.shape[:2]
    rows = image.astype(image.dtype.newbyteorder(">")).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\x00" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )
