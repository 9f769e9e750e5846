"""Where the windows of the training images lie."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.miniatures import random_scene, write_store

from pipeline.config.blocks import Patches
from pipeline.data.sampling.windows import Window, image_windows, index_windows, window_offsets
from pipeline.data.store.reader import PixelStore, StoredScene
from pipeline.errors import DataError

ROWS = [0, 204, 408, 608]
COLUMNS = [0, 204, 408, 612, 816, 1020, 1168]


def test_the_papers_windows() -> None:
    assert window_offsets(1120, 512, 0.6) == ROWS
    assert window_offsets(1680, 512, 0.6) == COLUMNS


def test_the_papers_28_windows_of_a_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Positions need sizes only, not 45 MB of pixels.
    store = write_store(tmp_path / "store", [("train", random_scene(1, 1))])
    scenes = [
        StoredScene("train", "a.png", 0, 1120, 1680, ""),
        StoredScene("val", "b.png", 0, 1120, 1680, ""),
        StoredScene("train", "c.png", 0, 1120, 1680, ""),
    ]
    monkeypatch.setattr(store, "scenes", scenes)
    windows = index_windows(store, Patches(size=512, overlap=0.6, discard=0))
    others = [(top, left) for top in ROWS[1:] for left in COLUMNS]
    # The window in the corner comes right after the first row.
    expected = [*((0, left) for left in COLUMNS), others.pop(), *others]
    assert len(expected) == 28
    assert windows == [Window(scene, *place, 512) for scene in (0, 2) for place in expected]


def test_a_window_that_fits_exactly() -> None:
    assert window_offsets(512, 512, 0.6) == [0]
    assert window_offsets(513, 512, 0.6) == [0, 1]


def test_a_window_that_does_not_fit() -> None:
    with pytest.raises(DataError, match="512 px does not fit an image side of 511 px"):
        window_offsets(511, 512, 0.6)


@given(st.integers(1, 64), st.integers(0, 300), st.floats(0, 0.99))
def test_windows_cover_the_side(size: int, more: int, overlap: float) -> None:
    length = size + more
    offsets = window_offsets(length, size, overlap)
    assert offsets[0] == 0
    assert offsets[-1] == length - size
    steps = [after - before for before, after in pairwise(offsets)]
    stride = max(1, int((1 - overlap) * size))
    assert all(step == stride for step in steps[:-1])
    assert all(0 < step <= stride for step in steps[-1:])


def test_a_set_without_training_scenes(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", [("val", random_scene(16, 16))])
    with pytest.raises(DataError, match="holds no scene of split 'train'"):
        index_windows(store, Patches(size=16, overlap=0.5, discard=0))


def test_a_store_gives_the_windows_of_its_training_scenes(tmp_path: Path) -> None:
    scenes = [("val", random_scene(16, 16)), ("train", random_scene(16, 24))]
    store: PixelStore = write_store(tmp_path / "store", scenes)
    windows = index_windows(store, Patches(size=16, overlap=0.5, discard=0))
    assert windows == [Window(1, 0, 0, 16), Window(1, 0, 8, 16)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((16, 16), [(0, 0)]),
        ((16, 32), [(0, 0), (0, 8), (0, 16)]),
        ((32, 16), [(0, 0), (16, 0), (8, 0)]),
        ((24, 20), [(0, 0), (0, 4), (8, 4), (8, 0)]),
    ],
)
def test_the_corner_comes_after_the_first_row(
    size: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    assert image_windows(*size, Patches(size=16, overlap=0.5, discard=0)) == expected
