"""Where the windows of the training pictures lie, and in which order they are drawn."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from miniatures import random_scene, recipe, write_store

from pipeline.config import Patches
from pipeline.data.patches import (
    Draw,
    Window,
    epoch_draws,
    image_windows,
    index_windows,
    shard,
    window_offsets,
)
from pipeline.data.pixels import PixelStore, StoredScene
from pipeline.errors import DataError

ROWS = [0, 204, 408, 608]
COLUMNS = [0, 204, 408, 612, 816, 1020, 1168]


def test_the_papers_windows() -> None:
    assert window_offsets(1120, 512, 0.6) == ROWS
    assert window_offsets(1680, 512, 0.6) == COLUMNS


def test_the_papers_28_windows_of_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


WINDOWS = [Window(scene, top, 3, 40) for scene in range(3) for top in (0, 20)]


def draws(epoch: int = 1, seed: int = 5, **changes: Any) -> list[Draw]:
    return list(epoch_draws(WINDOWS, recipe(**changes), seed, epoch))


def test_draws_depend_on_their_arguments_only() -> None:
    first = draws(crop=16)
    draws(epoch=2, crop=16)
    assert draws(crop=16) == first
    assert draws(crop=16, epoch=2) != first
    assert draws(crop=16, seed=6) != first
    # Nothing of the recipe that the order must not depend on.
    assert draws(crop=16, batch_size=7, learning_rate=0.5, epochs=9) == first


def test_every_pass_visits_every_window_once() -> None:
    drawn = [draw.window for draw in draws(passes_per_epoch=4)]
    passes = [drawn[start : start + 6] for start in range(0, 24, 6)]
    assert len(drawn) == 24
    for one in passes:
        assert Counter(one) == Counter(WINDOWS)
    assert len({tuple(one) for one in passes}) == 4


def test_orders_differ_between_epochs() -> None:
    orders = {tuple(draw.window for draw in draws(epoch=epoch)) for epoch in range(1, 9)}
    assert len(orders) >= 7


@pytest.mark.parametrize("crop", [None, 40, 64])
def test_whole_windows(crop: int | None) -> None:
    assert {draw.window for draw in draws(crop=crop)} == set(WINDOWS)


def test_sub_crops_lie_anywhere_inside_their_window() -> None:
    drawn = [draw.window for draw in draws(crop=36, passes_per_epoch=200)]
    offsets = set()
    for window in drawn:
        assert window.size == 36
        owners = [
            (window.top - whole.top, window.left - whole.left)
            for whole in WINDOWS
            if window.scene == whole.scene and 0 <= window.top - whole.top <= 4
        ]
        (place,) = owners
        assert 0 <= place[1] <= 4
        offsets.add(place)
    assert offsets == {(top, left) for top in range(5) for left in range(5)}


def test_flips_are_even_and_independent() -> None:
    counts = Counter(draw[1:] for draw in draws(passes_per_epoch=200))
    assert set(counts) == {(one, two) for one in (False, True) for two in (False, True)}
    assert min(counts.values()) > 0.2 * 1200


@pytest.mark.parametrize("name", ["flip_horizontal", "flip_vertical"])
def test_a_flip_that_is_off_changes_nothing_else(name: str) -> None:
    both, one = draws(crop=16), draws(crop=16, **{name: False})
    assert not any(getattr(draw, name) for draw in one)
    assert [draw._replace(**{name: False}) for draw in both] == one


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


counts = st.integers(1, 9)


@given(counts, counts, st.integers(0, 60), st.integers(0, 3))
def test_all_processes_together_see_the_batches(
    world: int, batch_size: int, windows: int, epoch: int
) -> None:
    places = [Window(number, 0, 0, 40) for number in range(windows)]
    drawn = list(epoch_draws(places, recipe(crop=16), 5, epoch))
    batches = [drawn[n : n + batch_size] for n in range(0, windows, batch_size)]
    shares = [shard(drawn, rank, world, batch_size) for rank in range(world)]
    for parts in zip(*shares, batches, strict=True):
        *own, batch = parts
        together = [draw for part in own for draw in part]
        assert sorted(together) == sorted(batch)
        assert len(set(together)) == len(together)
        # As even as can be.
        assert max(map(len, own)) - min(map(len, own)) <= 1


@given(counts, counts, st.integers(0, 60), st.integers(0, 70))
def test_a_training_goes_on_where_it_was(
    world: int, batch_size: int, windows: int, start: int
) -> None:
    drawn = list(epoch_draws([Window(n, 0, 0, 40) for n in range(windows)], recipe(), 5, 1))
    for rank in range(world):
        whole = [draw for part in shard(drawn, rank, world, batch_size) for draw in part]
        seen = [draw for part in shard(drawn[:start], rank, world, batch_size) for draw in part]
        rest = shard(drawn, rank, world, batch_size, start)
        assert [*seen, *(draw for part in rest for draw in part)] == whole
        if start % batch_size == 0:
            assert rest == shard(drawn, rank, world, batch_size)[start // batch_size :]
    assert [d for part in shard(drawn, 0, 1, batch_size, start) for d in part] == drawn[start:]
