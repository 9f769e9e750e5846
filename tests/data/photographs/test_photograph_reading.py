"""Photographs of every kind: what is read, and what is refused in one line."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.photographs import ICC, encoded, exif, opencv, pixels, png

from pipeline.data.photographs import tiff_file
from pipeline.data.photographs.photograph import Photograph
from pipeline.data.photographs.reading import read_photograph
from pipeline.errors import DataError


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Photograph]:
    def one(content: bytes) -> Photograph:
        path = tmp_path / "a.image"
        path.write_bytes(content)
        return read_photograph(path)

    return one


def expected(image: Any) -> Any:
    """RGB of 16 bits."""
    image = image if image.ndim == 3 else image[..., None]
    image = np.repeat(image, 3, 2) if image.shape[2] == 1 else image
    return image.astype(np.uint16) * (257 if image.dtype == np.uint8 else 1)


RGB8, RGB16 = pixels(8), pixels(16)
GRAY8, GRAY16 = pixels(8, 1)[..., 0], pixels(16, 1)[..., 0]
PALETTE = Image.fromarray(RGB8).quantize(16)
LZW = (259, 5)

KINDS: dict[str, tuple[bytes, Any, str, int, bool]] = {
    "png8": (encoded(RGB8, "PNG"), RGB8, "png", 8, False),
    "png16": (opencv(RGB16, ".png"), RGB16, "png", 16, False),
    "png8-gray": (encoded(GRAY8, "PNG"), GRAY8, "png", 8, True),
    "png16-gray": (opencv(GRAY16, ".png"), GRAY16, "png", 16, True),
    "png-palette": (encoded(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB")), "png", 8, False),
    "png8-opaque": (png(np.dstack([RGB8, 0 * GRAY8 + 255]), 6), RGB8, "png", 8, False),
    "png16-opaque": (png(np.dstack([GRAY16, 0 * GRAY16 + 65535]), 4), GRAY16, "png", 16, True),
    "tiff8": (encoded(RGB8, "TIFF"), RGB8, "tiff", 8, False),
    "tiff8-lzw": (encoded(RGB8, "TIFF", compression="tiff_lzw"), RGB8, "tiff", 8, False),
    "tiff16-lzw": (opencv(RGB16, ".tif", *LZW), RGB16, "tiff", 16, False),
    "tiff16-gray": (opencv(GRAY16, ".tif"), GRAY16, "tiff", 16, True),
    "tiff-palette": (encoded(PALETTE, "TIFF"), np.asarray(PALETTE.convert("RGB")), "tiff", 8, 0),
}


def tiff(image: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, image, **{"photometric": "rgb", **options})
    return stream.getvalue()


KINDS |= {
    "tiff16-big-endian": (tiff(RGB16, byteorder=">"), RGB16, "tiff", 16, False),
    "tiff16-deflate": (tiff(RGB16, compression="zlib", predictor=True), RGB16, "tiff", 16, False),
    "tiff16-white-is-zero": (tiff(~GRAY16, photometric="miniswhite"), GRAY16, "tiff", 16, True),
    "tiff16-opaque": (
        tiff(np.dstack([RGB16, 0 * GRAY16 + 65535]), extrasamples=["unassalpha"]),
        RGB16, "tiff", 16, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_kind(read: Callable[[bytes], Photograph], name: str) -> None:
    content, image, container, bits, gray = KINDS[name]
    found = read(content)
    np.testing.assert_array_equal(found.pixels, expected(image))
    assert (found.container, found.bits, found.gray) == (container, bits, bool(gray))
    assert found.metadata.orientation == 1
    assert not found.notes


def test_jpeg(read: Callable[[bytes], Photograph]) -> None:
    smooth = np.full((16, 24, 3), (10, 120, 240), np.uint8)
    found = read(encoded(smooth, "JPEG", quality=95))
    assert np.abs(found.pixels.astype(int) - expected(smooth)).max() <= 3 * 257
    assert (found.container, found.bits, found.gray) == ("jpeg", 8, False)
    assert read(encoded(GRAY8, "JPEG")).gray


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "TIFF16"])
def test_orientation_is_read_and_pixels_stay(
    read: Callable[[bytes], Photograph], kind: str, orientation: int
) -> None:
    if kind == "TIFF16":
        found = read(tiff(RGB16, extratags=[(274, "H", 1, orientation, True)]))
    else:
        found = read(encoded(RGB8, kind, exif=exif(orientation)))
    assert found.metadata.orientation == orientation
    assert found.pixels.shape == (10, 14, 3)
    if kind != "JPEG":
        np.testing.assert_array_equal(found.pixels, expected(RGB16 if kind == "TIFF16" else RGB8))
    again = Image.Exif()
    again.load(found.metadata.exif or b"")
    assert again.get(274, 1) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_metadata(read: Callable[[bytes], Photograph], kind: str) -> None:
    found = read(encoded(RGB8, kind, exif=exif(), icc_profile=ICC)).metadata
    assert found.icc == ICC
    again = Image.Exif()
    again.load(found.exif or b"")
    assert again[271] == "Maker"
    if kind == "TIFF":
        # Pillow writes no further directories; test_photograph_writing.py has them.
        return
    assert again.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert again.get_ifd(0x8825)[1] == "N"


def test_damaged_exif_is_a_note(read: Callable[[bytes], Photograph]) -> None:
    content = encoded(RGB8, "JPEG", exif=b"Exif\x00\x00nonsense")
    found = read(content)
    assert found.notes == ("the EXIF data are damaged and not kept",)
    assert found.metadata.exif is None


HUGE = struct.pack(">II", 30000, 30000)
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a PNG, TIFF or JPEG file; export it as one of these"),
    "gif": (encoded(PALETTE, "GIF"), "not a PNG, TIFF or JPEG file"),
    "transparent": (png(np.dstack([RGB8, GRAY8]), 6), "has transparent pixels; flatten it"),
    "one-color": (encoded(RGB8, "PNG", transparency=(1, 2, 3)), "has transparency; flatten it"),
    "cmyk": (encoded(Image.fromarray(RGB8).convert("CMYK"), "JPEG"), "CMYK colors; export it as"),
    "bilevel": (encoded(Image.fromarray(GRAY8).convert("1"), "TIFF"), "1 bits per channel"),
    "float": (tiff(RGB8.astype(np.float32)), "32 bits per channel, or not whole numbers"),
    "cmyk16": (tiff(pixels(16, 4), photometric="separated"), "neither gray nor RGB"),
    "planar": (
        tiff(np.moveaxis(RGB16, 2, 0).copy(), planarconfig="separate"), "its channels lie apart"
    ),
    "raw": (tiff(GRAY16, photometric="cfa"), "a raw file; develop it to TIFF, PNG or JPEG first"),
    "big": (tiff(RGB16, bigtiff=True), "BigTIFF; save it as an ordinary"),
    "cut-png": (encoded(RGB8, "PNG")[:-20], "damaged image, it is truncated"),
    "cut-jpeg": (encoded(pixels(8, 3, (90, 90)), "JPEG")[:-900], "damaged image, it is truncated"),
    "cut-tiff": (tiff(RGB16)[:-100], "damaged image, it is truncated"),
    "cut-tiff8": (encoded(RGB8, "TIFF")[:-300], "damaged image"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(
    read: Callable[[bytes], Photograph], capfd: pytest.CaptureFixture[str], name: str
) -> None:
    content, message = REFUSED[name]
    with pytest.raises(DataError, match=message) as refused:
        read(content)
    assert "\n" not in str(refused.value)
    # The libraries would complain in lines of their own.
    assert capfd.readouterr() == ("", "")


def claiming(content: bytes) -> bytes:
    """A JPEG file with another size in its header."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", 60000, 60000) + content[place + 4 :]


def test_huge_images_are_not_decoded(read: Callable[[bytes], Photograph]) -> None:
    header = png(RGB8, 2)
    crc = struct.pack(">I", __import__("zlib").crc32(b"IHDR" + HUGE + header[24:29]))
    with pytest.raises(DataError, match="claims 30000x30000 pixels, more than the 67108864"):
        read(header[:16] + HUGE + header[24:29] + crc + header[33:])
    with pytest.raises(DataError, match=r"claims (too many|60000x60000) pixels"):
        read(claiming(encoded(RGB8, "JPEG")))
    small = tiff(GRAY16, photometric="minisblack")
    large = bytearray(small)
    with tifffile.TiffFile(io.BytesIO(small)) as file:
        for tag in (256, 257):
            struct.pack_into("<I", large, file.pages[0].tags[tag].valueoffset, 50000)
    with pytest.raises(DataError, match="claims 50000x50000 pixels"):
        read(bytes(large))


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read .No such file"):
        read_photograph(tmp_path / "gone.png")
    with pytest.raises(DataError, match="not a file; name an image"):
        read_photograph(tmp_path)


def test_many_depths_in_a_short_message() -> None:
    """Fuzzing found a damaged file that states thousands of depths: all were listed."""
    with pytest.raises(DataError, match="bits per channel") as caught:
        tiff_file._kind(Path("a.tif"), {258: tuple(range(5000))})
    assert len(str(caught.value)) < 500
