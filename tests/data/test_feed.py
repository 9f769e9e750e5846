"""The feed: the right crops in the right order, whoever reads them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from miniatures import VIEWS, compute, random_scene, recipe, write_store

from pipeline.config import Patches
from pipeline.data.crops import to_tensor
from pipeline.data.feed import Feed
from pipeline.data.patches import Window, epoch_draws, index_windows
from pipeline.data.pixels import PixelStore

PATCHES = Patches(size=80, overlap=0.5, discard=0)
CHANGES = {"batch_size": 3, "crop": 70, "passes_per_epoch": 2}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [("train", random_scene(100, 130, number)) for number in range(2)]
    return write_store(tmp_path_factory.mktemp("feed") / "store", scenes)


def make(store: PixelStore, workers: int = 0, prefetch: int = 2, seed: int = 5) -> Feed:
    how = compute(loader_workers=workers, prefetch=prefetch)
    return Feed(store, VIEWS, index_windows(store, PATCHES), recipe(**CHANGES), how, seed)


Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def same(one: Pairs, two: Pairs) -> bool:
    return len(one) == len(two) and all(
        torch.equal(*pair)
        for first, second in zip(one, two, strict=True)
        for pair in zip(first, second, strict=True)
    )


def test_batches_are_the_draws_cut_from_whole_pictures(store: PixelStore) -> None:
    draws = list(epoch_draws(index_windows(store, PATCHES), recipe(**CHANGES), 5, 2))
    assert len(draws) == 2 * 2 * 6
    batches = list(make(store).epoch(2))
    assert [len(x) for x, _ in batches] == [3] * 8
    inputs, targets = (torch.cat(part) for part in zip(*batches, strict=True))
    for x, target, draw in zip(inputs, targets, draws, strict=True):
        _, top, left, size = draw.window
        whole = store.read(draw.window.scene)
        axes = [axis for axis, flip in ((1, draw.flip_vertical), (2, draw.flip_horizontal)) if flip]
        cut = {
            view: to_tensor(picture[top : top + size, left : left + size]).flip(axes)
            for view, picture in whole.items()
        }
        assert torch.equal(x, torch.cat([cut[view] for view in VIEWS]))
        assert torch.equal(target, cut["target"])


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (2, 1), (2, 4)])
def test_workers_do_not_change_the_batches(store: PixelStore, workers: int, prefetch: int) -> None:
    alone, helped = make(store), make(store, workers, prefetch)
    for epoch in (1, 2, 3):
        assert same(list(alone.epoch(epoch)), list(helped.epoch(epoch)))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_stays_as_it_was(store: PixelStore, workers: int) -> None:
    # Buffers are used again, batches are not.
    feed = make(store, workers, 1)
    kept = [(x, target, x.clone(), target.clone()) for x, target in feed.epoch(1)]
    assert all(torch.equal(x, a) and torch.equal(target, b) for x, target, a, b in kept)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_can_be_left_and_taken_up_again(store: PixelStore, workers: int) -> None:
    whole, feed = list(make(store).epoch(1)), make(store, workers)
    batches = feed.epoch(1)
    assert same([next(batches), next(batches)], whole[:2])
    batches.close()
    assert same(list(feed.epoch(1, start=6)), whole[2:])
    assert same(list(feed.epoch(1)), whole)
    assert not list(feed.epoch(1, start=24))


def test_orders_follow_seed_and_epoch(store: PixelStore) -> None:
    first = list(make(store).epoch(1))
    assert same(first, list(make(store).epoch(1)))
    assert not same(first, list(make(store).epoch(2)))
    assert not same(first, list(make(store, seed=6).epoch(1)))


def test_windows_smaller_than_the_crop_are_taken_whole(store: PixelStore) -> None:
    windows = [Window(0, 3, 5, 64)]
    feed = Feed(store, VIEWS, windows, recipe(crop=70), compute(), 0)
    ((x, target),) = feed.epoch(1)
    assert x.shape == (1, 6, 64, 64)
    assert target.shape == (1, 3, 64, 64)


def test_a_workers_error_arrives(store: PixelStore) -> None:
    windows = [Window(7, 0, 0, 80)]
    feed = Feed(store, VIEWS, windows, recipe(), compute(loader_workers=1), 0)
    with pytest.raises(IndexError):
        list(feed.epoch(1))


def test_every_number_is_scaled_as_one_division_would(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    values = np.arange(65536, dtype=np.uint16)
    picture = np.stack([values.reshape(256, 256)] * 3, axis=2)
    folder = tmp_path_factory.mktemp("values") / "store"
    store = write_store(folder, [("train", np.stack([picture] * 4))])
    feed = Feed(
        store,
        ("combined",),
        [Window(0, 0, 0, 256)],
        recipe(flip_horizontal=False, flip_vertical=False),
        compute(),
        0,
    )
    ((x, _),) = feed.epoch(1)
    expected = (values.astype(np.float64) / 65535).astype(np.float32).reshape(256, 256)
    np.testing.assert_array_equal(x[0, 1].numpy(), expected)
    assert torch.equal(x[0], to_tensor(picture))
