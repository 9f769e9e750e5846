"""Batches of the published recipes as the crop loader yields them, for any number of workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.miniatures import VIEWS, compute, random_scene, recipe, write_store

from pipeline.compute.distributed import World
from pipeline.config.blocks import Patches
from pipeline.data.bit_depth import scaled
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError

PATCHES = Patches(size=64, overlap=0.5, discard=0)
IMAGES: dict[str, Any] = {"crops_from": "images", "crop": 32, "spare_crops": 2, "one_image": True}
LENGTH = {"passes_per_epoch": None, "steps_per_epoch": 6}
RECIPES: dict[str, dict[str, Any]] = {
    "rdpd": {
        **LENGTH,
        **IMAGES,
        "batch_size": 3,
        "companion": {"batch_size": 2, "frames": 3, **IMAGES, "crop": 40},
    },
    "single frames": {
        "batch_size": 5,
        "companion": {"batch_size": 5, "crop": 32, "crops_from": "images"},
    },
    "ifan": {
        **LENGTH,
        "batch_size": 4,
        "crop": 32,
        "crops_from": "images",
        "noise": {"probability": 0.5, "sigma": [0.01, 0.07]},
        "grayscale": 0.3,
        "downscale": {"probability": 0.5, "scale": [0.7, 1.0]},
        "flip_horizontal": False,
    },
    "restormer": {
        **LENGTH,
        "crop": 48,
        "transpose": True,
        "phases": [
            {"epochs": 1, "crop": 16, "batch_size": 9},
            {"epochs": 1, "crop": 48, "batch_size": 2},
        ],
    },
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [("train", random_scene(90, 100 + 10 * number, number)) for number in range(3)]
    return write_store(tmp_path_factory.mktemp("main") / "store", scenes)


@pytest.fixture(scope="module")
def companion(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    return clip_store(tmp_path_factory.mktemp("companion") / "store", [4, 3])


def clip_store(folder: Path, lengths: list[int]) -> PixelStore:
    """Clips of so many frames, 70 x 80 px."""
    names = [f"{clip}-{frame:04d}.png" for clip, n in enumerate(lengths) for frame in range(n)]
    write_store(folder, [("train", random_scene(70, 80, 50 + n)) for n in range(len(names))])
    index = json.loads((folder / "index.json").read_text())
    for scene, name in zip(index["scenes"], names, strict=True):
        scene["source"] = name
    (folder / "index.json").write_text(json.dumps(index))
    return PixelStore(folder)


def make(
    store: PixelStore,
    companion: PixelStore | None,
    changes: dict[str, Any],
    workers: int = 0,
    **more: Any,
) -> CropLoader:
    return CropLoader(
        store,
        index_windows(store, PATCHES),
        views=VIEWS,
        recipe=recipe(**changes),
        compute=compute(loader_workers=workers),
        seed=5,
        companion=companion,
        **more,
    )


def parts(batch: Batch) -> list[torch.Tensor]:
    return [batch.x, batch.target, batch.origin, batch.full_size]


def same(one: Batch, two: Batch) -> bool:
    return one.frames == two.frames and all(map(torch.equal, parts(one), parts(two)))


@pytest.mark.parametrize(
    ("name", "workers"), [("rdpd", 2), ("ifan", 1), ("restormer", 0), ("single frames", 0)]
)
def test_workers_change_nothing_and_an_epoch_can_be_taken_up(
    store: PixelStore, companion: PixelStore, name: str, workers: int
) -> None:
    alone = make(store, companion, RECIPES[name], input_bits=8)
    helped = make(store, companion, RECIPES[name], workers, input_bits=8)
    for epoch in (1, 2):
        whole = list(alone.epoch(epoch))
        assert all(map(same, helped.epoch(epoch), whole))
        rest = list(helped.epoch(epoch, start=4))
        assert len(rest) == len(whole) - 4 > 0
        assert all(map(same, rest, whole[4:]))


def cut(store: PixelStore, scene: int, place: list[int], side: int) -> NDArray[np.uint16]:
    views = store.read(scene, (*place, side, side))
    return np.concatenate([views[name].transpose(2, 0, 1) for name in (*VIEWS, "target")])


def found_in(store: PixelStore, batch: Batch, number: int) -> list[int]:
    """Scenes in which the crop stands at the place that the batch names."""
    crop = torch.cat([batch.x[number], batch.target[number]])
    place, side = batch.origin[number].tolist(), crop.shape[-1]
    size = tuple(batch.full_size[number].tolist())
    return [
        scene
        for scene, one in enumerate(store.scenes)
        if (one.height, one.width) == size
        and torch.equal(scaled(cut(store, scene, place, side) // 256 * 257), crop)
    ]


def test_rdpds_batches_alternate_and_clips_are_clips(
    store: PixelStore, companion: PixelStore
) -> None:
    changes = {**RECIPES["rdpd"], "flip_horizontal": False, "flip_vertical": False}
    batches = list(make(store, companion, changes, input_bits=8).epoch(1))
    assert [batch.frames for batch in batches] == [1, 3] * 3
    for batch in batches:
        if batch.frames == 1:
            assert batch.x.shape == (3, 6, 32, 32)
            scenes = [found_in(store, batch, number) for number in range(3)]
            assert scenes in [[[scene]] * 3 for scene in range(3)]
            continue
        assert batch.x.shape == (6, 6, 40, 40)
        scenes = [found_in(companion, batch, number) for number in range(6)]
        first = scenes[0][0]
        assert scenes == [[first], [first + 1], [first + 2]] * 2
        assert first in (0, 1, 4)
        assert batch.origin[::3].repeat_interleave(3, 0).equal(batch.origin)
        assert batch.full_size.tolist() == [[70, 80]] * 6


@pytest.mark.parametrize("name", RECIPES)
def test_processes_share_every_batch(store: PixelStore, companion: PixelStore, name: str) -> None:
    whole = list(make(store, companion, RECIPES[name]).epoch(1))
    loaders = [make(store, companion, RECIPES[name], world=World(rank, 2)) for rank in range(2)]
    for batch, *own in zip(whole, *(loader.epoch(1) for loader in loaders), strict=True):
        for rank, part in enumerate(own):
            assert part.frames == batch.frames
            for mine, all_of_it in zip(parts(part), parts(batch), strict=True):
                clips = all_of_it.unflatten(0, (-1, batch.frames))
                assert torch.equal(mine, clips[rank::2].flatten(0, 1))


def test_a_process_without_a_crop_gets_an_empty_batch(store: PixelStore) -> None:
    loader = make(store, None, {"batch_size": 1, "crop": 16}, world=World(1, 2))
    batch = next(loader.epoch(1))
    assert [tuple(part.shape) for part in parts(batch)] == [
        (0, 6, 16, 16),
        (0, 3, 16, 16),
        (0, 2),
        (0, 2),
    ]


def test_shrunk_crops_name_what_was_read(store: PixelStore) -> None:
    changes = {**RECIPES["ifan"], "downscale": {"probability": 1.0, "scale": [0.5, 0.5]}}
    changes |= {"noise": None, "grayscale": 0.0, "flip_vertical": False}
    for batch in make(store, None, changes).epoch(1):
        assert batch.x.shape == (4, 6, 32, 32)
        crop = torch.cat([batch.x[0], batch.target[0]])
        place, width = batch.origin[0].tolist(), batch.full_size[0, 1].item()
        scene = [one.width for one in store.scenes].index(width)
        region = cut(store, scene, place, 64) / 65535
        means = region.reshape(9, 32, 2, 32, 2).mean((2, 4))
        np.testing.assert_allclose(crop.numpy(), means, atol=1e-5)


def test_phases_have_batches_of_their_own(store: PixelStore) -> None:
    loader = make(store, None, RECIPES["restormer"])
    assert {batch.x.shape for batch in loader.epoch(1)} == {(9, 6, 16, 16)}
    assert {batch.x.shape for batch in loader.epoch(2)} == {(2, 6, 48, 48)}


def companion_of(**changes: Any) -> dict[str, Any]:
    batches = {"batch_size": 2, "crop": 32, "crops_from": "images", **changes}
    return {"companion": batches}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"crop": 91, "crops_from": "images"},
            "recipe's crop of 91 px does not fit into 90 x 100 px of 0.png",
        ),
        (
            {**RECIPES["ifan"], "crop": 70},
            "crop of 70 px, shrunk from 100 px at downscale.scale 0.7, .* of 0.png",
        ),
        (
            {"downscale": {"probability": 1.0, "scale": [0.9, 1.0]}},
            "crop of 64 px, shrunk from 71 px .*64 x 64 px of 0.png",
        ),
        (
            {
                **LENGTH,
                "crop": 96,
                "phases": [{"epochs": 2, "crop": 80, "batch_size": 2}],
            },
            "phases of 80 px .*64 x 64 px of 0.png",
        ),
        (companion_of(crop=71), "companion.crop of 71 px .*70 x 80 px of 0-0000.png"),
        (companion_of(frames=4), "clip of 1-0000.png has 3 frames, fewer than companion.frames: 4"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(
    store: PixelStore, companion: PixelStore, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        make(store, companion, changes)
    assert "\n" not in str(caught.value)


def test_a_companion_set_is_needed(store: PixelStore) -> None:
    with pytest.raises(DataError, match="names no companion set"):
        make(store, None, companion_of())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"one_image": True}, "one_image and spare_crops need crops_from: images"),
        ({"spare_crops": 1}, "one_image and spare_crops need crops_from: images"),
        (companion_of(crops_from="windows"), "a companion set has no windows"),
        (
            {**RECIPES["restormer"], "downscale": RECIPES["ifan"]["downscale"]},
            "phases and downscale do not go together",
        ),
    ],
)
def test_recipes_that_mean_nothing_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(**changes)
