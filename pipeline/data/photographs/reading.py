"""Reading photographs: PNG, TIFF and JPEG, told apart by their content."""

from __future__ import annotations

from pathlib import Path

from pipeline.data.photographs import jpeg_file, png_file, tiff_file
from pipeline.data.photographs.photograph import Photograph
from pipeline.data.photographs.quiet import quiet_decoders
from pipeline.data.png import MAX_PIXELS
from pipeline.errors import DataError

_MAX_BYTES = 8 * MAX_PIXELS
_TIFF = (b"II*\x00", b"MM\x00*")
_BIG_TIFF = (b"II+\x00", b"MM\x00+")


def read_photograph(path: Path) -> Photograph:
    """Read a photograph of 8 or 16 bits per channel: RGB, gray, palette, or with an opaque alpha.

    The pixels stay as they are stored: see `Metadata.orientation`.

    Raises:
        DataError: the file is missing, damaged, too large, of another format, or has what cannot
            be deblurred: transparency, an animation, other colors or depths.
    """
    content = _content(path)
    with quiet_decoders():
        return _decoded(path, content)


def _decoded(path: Path, content: bytes) -> Photograph:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return png_file.decode(path, content)
    if content.startswith(b"\xff\xd8\xff"):
        return jpeg_file.decode(path, content)
    if content.startswith(_TIFF):
        return tiff_file.decode(path, content)
    if content.startswith(_BIG_TIFF):
        raise DataError(f"{path}: BigTIFF; save it as an ordinary TIFF, PNG or JPEG file")
    raise DataError(f"{path}: not a PNG, TIFF or JPEG file; export it as one of these")


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a file; name an image")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: too large for an image; check where this file came from")
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
