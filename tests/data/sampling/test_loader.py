"""The crop loader: the right crops in the right order, for any number of workers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.miniatures import VIEWS, compute, random_scene, recipe, write_store

from pipeline.config.blocks import Patches
from pipeline.data.bit_depth import to_tensor
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import Window, index_windows
from pipeline.data.store.reader import PixelStore

PATCHES = Patches(size=80, overlap=0.5, discard=0)
CHANGES = {"batch_size": 3, "crop": 70, "passes_per_epoch": 2}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [("train", random_scene(100, 130, number)) for number in range(2)]
    return write_store(tmp_path_factory.mktemp("loader") / "store", scenes)


def make(store: PixelStore, workers: int = 0, prefetch: int = 2, seed: int = 5) -> CropLoader:
    return CropLoader(
        store,
        index_windows(store, PATCHES),
        views=VIEWS,
        recipe=recipe(**CHANGES),
        compute=compute(loader_workers=workers, prefetch=prefetch),
        seed=seed,
    )


def same(one: list[Batch], two: list[Batch]) -> bool:
    names = ("x", "target", "origin", "full_size")
    return len(one) == len(two) and all(
        first.frames == second.frames
        and all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)
        for first, second in zip(one, two, strict=True)
    )


def test_batches_are_the_crops_cut_from_whole_images(store: PixelStore) -> None:
    loader = make(store)
    crops = [crop for batch in loader.sampler.epoch(2) for crop in batch.crops]
    assert len(crops) == 2 * 2 * 6
    batches = list(loader.epoch(2))
    assert [len(batch.x) for batch in batches] == [3] * 8
    inputs = torch.cat([batch.x for batch in batches])
    targets = torch.cat([batch.target for batch in batches])
    for x, target, crop in zip(inputs, targets, crops, strict=True):
        _, top, left, size = crop.window
        whole = store.read(crop.window.scene)
        axes = [axis for axis, flip in ((1, crop.flip_vertical), (2, crop.flip_horizontal)) if flip]
        cut = {
            view: to_tensor(image[top : top + size, left : left + size]).flip(axes)
            for view, image in whole.items()
        }
        assert torch.equal(x, torch.cat([cut[view] for view in VIEWS]))
        assert torch.equal(target, cut["target"])
    origins = torch.cat([batch.origin for batch in batches])
    assert origins.tolist() == [[crop.window.top, crop.window.left] for crop in crops]
    sizes = torch.cat([batch.full_size for batch in batches])
    assert sizes.tolist() == [[100, 130]] * 24
    assert origins.dtype == sizes.dtype == torch.int64


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (2, 1), (2, 4)])
def test_workers_do_not_change_the_batches(store: PixelStore, workers: int, prefetch: int) -> None:
    alone, helped = make(store), make(store, workers, prefetch)
    for epoch in (1, 2, 3):
        assert same(list(alone.epoch(epoch)), list(helped.epoch(epoch)))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_stays_as_it_was(store: PixelStore, workers: int) -> None:
    # Buffers are used again, batches are not.
    loader = make(store, workers, 1)
    kept = [(batch, batch.x.clone(), batch.target.clone()) for batch in loader.epoch(1)]
    assert all(torch.equal(one.x, x) and torch.equal(one.target, y) for one, x, y in kept)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_can_be_left_and_taken_up_again(store: PixelStore, workers: int) -> None:
    whole, loader = list(make(store).epoch(1)), make(store, workers)
    batches = loader.epoch(1)
    assert same([next(batches), next(batches)], whole[:2])
    batches.close()
    assert same(list(loader.epoch(1, start=2)), whole[2:])
    assert same(list(loader.epoch(1)), whole)
    assert not list(loader.epoch(1, start=8))


def test_orders_follow_seed_and_epoch(store: PixelStore) -> None:
    first = list(make(store).epoch(1))
    assert same(first, list(make(store).epoch(1)))
    assert not same(first, list(make(store).epoch(2)))
    assert not same(first, list(make(store, seed=6).epoch(1)))


def test_windows_smaller_than_the_crop_are_taken_whole(store: PixelStore) -> None:
    windows = [Window(0, 3, 5, 64)]
    loader = CropLoader(
        store, windows, views=VIEWS, recipe=recipe(crop=70), compute=compute(), seed=0
    )
    (batch,) = loader.epoch(1)
    assert batch.x.shape == (1, 6, 64, 64)
    assert batch.target.shape == (1, 3, 64, 64)


def test_a_workers_error_arrives(store: PixelStore) -> None:
    windows = [Window(7, 0, 0, 80)]
    loader = CropLoader(
        store, windows, views=VIEWS, recipe=recipe(), compute=compute(loader_workers=1), seed=0
    )
    with pytest.raises(IndexError):
        list(loader.epoch(1))


def test_every_number_is_scaled_as_one_division_would(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    values = np.arange(65536, dtype=np.uint16)
    image = np.stack([values.reshape(256, 256)] * 3, axis=2)
    folder = tmp_path_factory.mktemp("values") / "store"
    store = write_store(folder, [("train", np.stack([image] * 4))])
    loader = CropLoader(
        store,
        [Window(0, 0, 0, 256)],
        views=("combined",),
        recipe=recipe(flip_horizontal=False, flip_vertical=False),
        compute=compute(),
        seed=0,
    )
    ((x,),) = [batch.x for batch in loader.epoch(1)]
    expected = (values.astype(np.float64) / 65535).astype(np.float32).reshape(256, 256)
    np.testing.assert_array_equal(x[1].numpy(), expected)
    assert torch.equal(x, to_tensor(image))
