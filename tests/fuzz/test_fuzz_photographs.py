"""Damaged photographs: a `DataError`, or pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.fuzz import from_file, fuzz
from support.mutations import mutations
from support.photographs import ICC, encoded, exif, opencv, pixels, png
from support.png_damage import rechecked

from pipeline.data.photographs.reading import read_photograph
from pipeline.errors import DataError


def tiff() -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels(16), photometric="rgb", compression="zlib")
    return stream.getvalue()


OPAQUE = np.dstack([pixels(16), np.full((10, 14), 65535, np.uint16)])
PNG = [png(OPAQUE, 6), encoded(pixels(), "PNG", exif=exif(6), icc_profile=ICC)]
SEEDS = {
    "png": PNG,
    "jpeg": [
        encoded(pixels(), "JPEG", exif=exif(6), icc_profile=ICC),
        encoded(pixels(8, 3, (40, 40)), "JPEG", progressive=True),
    ],
    "tiff": [
        tiff(),
        opencv(pixels(16), ".tif", 259, 5),
        encoded(pixels(), "TIFF", compression="tiff_lzw", exif=exif(3)),
    ],
}


@pytest.mark.parametrize("kind", [*SEEDS, "chunks of png"])
def test_photographs(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def read(path: Path) -> None:
        found = read_photograph(path)
        assert found.pixels.dtype == np.uint16
        assert found.pixels.shape[2] == 3

    inputs = mutations(SEEDS[kind]) if kind in SEEDS else rechecked(PNG)
    fuzz(from_file(tmp_path / "a.image", read), inputs, refusals=(DataError,))
