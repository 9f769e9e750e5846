"""Damaged images: a `DataError`, or pixels of the size that the file states."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.fuzz import fuzz
from support.mutations import mutations
from support.png_damage import NAMES, chunks_of, rechecked, with_checksums, with_chunks

from pipeline.data.png import decode_png
from pipeline.errors import DataError

IMAGE = np.random.default_rng(0).integers(0, 65536, (9, 14, 3)).astype(np.uint16)


def encoded(*images: np.ndarray) -> list[bytes]:
    return [cv2.imencode(".png", image)[1].tobytes() for image in images]


SEEDS = encoded(
    IMAGE, (IMAGE >> 8).astype(np.uint8), IMAGE[:1, :1], np.zeros((40, 50, 3), np.uint16)
)
# Gray and transparent ones are refused.
OTHERS = encoded(IMAGE[..., 0], np.dstack([IMAGE, IMAGE[..., :1]]))
INPUTS = {
    kind: replace(damaged, intact=SEEDS)
    for kind, damaged in (
        ("bytes", mutations([*SEEDS, *OTHERS], words=NAMES)),
        ("chunks", rechecked([*SEEDS, *OTHERS])),
    )
}


def read(content: bytes) -> None:
    image = decode_png(Path("a.png"), content)
    assert image.pixels.shape == (image.header.height, image.header.width, 3)


def test_the_parts_make_the_whole() -> None:
    for content in (*SEEDS, *OTHERS):
        assert with_chunks(chunks_of(content)) == content == with_checksums(content)


@pytest.mark.parametrize("kind", INPUTS)
def test_images(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    report = fuzz(read, INPUTS[kind], refusals=(DataError,))
    assert report.outcomes["accepted"]
