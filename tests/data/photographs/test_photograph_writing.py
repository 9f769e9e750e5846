"""Photographs written: pixels, depth and metadata, as other libraries read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from support.photographs import ICC, exif, pixels

from pipeline.data.photographs.orientation import upright
from pipeline.data.photographs.photograph import SUFFIXES, Metadata
from pipeline.data.photographs.reading import read_photograph
from pipeline.data.photographs.writing import write_photograph

KEPT = Metadata(exif().tobytes().removeprefix(b"Exif\x00\x00"), ICC)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_lossless(tmp_path: Path, suffix: str, bits: int, gray: bool) -> None:
    image = pixels(bits, 3, (300, 200))
    image = image[..., 0] if gray else image
    path = tmp_path / f"new/a{suffix}"
    write_photograph(path, image, SUFFIXES[suffix], KEPT)
    found = read_photograph(path)
    assert (found.bits, found.gray) == (bits, gray)
    whole = np.repeat(image[..., None], 3, 2) if gray else image
    np.testing.assert_array_equal(found.pixels, whole.astype(np.uint16) * (65535 // (2**bits - 1)))
    assert found.metadata.icc == ICC
    assert found.metadata.exif == KEPT.exif
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_other_programs_read_tiff(tmp_path: Path) -> None:
    image = pixels(16, 3, (300, 200))
    path = tmp_path / "a.tif"
    write_photograph(path, image, "tiff", KEPT)
    with tifffile.TiffFile(path) as file:
        np.testing.assert_array_equal(file.asarray(), image)
        tags = file.pages[0].tags
        assert tags["Make"].value == "Maker"
        assert tags["Orientation"].value == 1
        assert tags["ExifTag"].value["DateTimeOriginal"] == "2026:01:02 03:04:05"
        assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
        assert tags[34675].value == ICC


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.full((16, 24, 3), (10, 120, 240), np.uint8)
    write_photograph(tmp_path / "a.jpg", smooth, "jpeg", KEPT)
    with Image.open(tmp_path / "a.jpg") as image:
        assert np.abs(np.asarray(image).astype(int) - smooth).max() <= 2
        assert image.info["icc_profile"] == ICC
        assert image.getexif()[271] == "Maker"
    with pytest.raises(ValueError, match="JPEG holds 8 bits"):
        write_photograph(tmp_path / "b.jpg", smooth.astype(np.uint16), "jpeg", KEPT)


def test_color_chunks_of_png_are_kept(tmp_path: Path) -> None:
    chunks = ((b"sRGB", b"\x00"), (b"gAMA", (45455).to_bytes(4, "big")))
    write_photograph(tmp_path / "a.png", pixels(16), "png", Metadata(color_chunks=chunks))
    assert read_photograph(tmp_path / "a.png").metadata.color_chunks == chunks


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_that_of_pillow(orientation: int) -> None:
    image = Image.fromarray(pixels())
    made: Any = image.getexif()
    made[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(upright(pixels(), orientation), expected)
