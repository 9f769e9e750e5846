"""Batches of small sets, for every kind of recipe."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pipeline.config.recipe import Batches, Recipe
from pipeline.data.sampling.crop_areas import Area
from pipeline.data.sampling.sampler import BatchSampler, BatchSpec
from pipeline.data.sampling.windows import Window
from support.miniatures import recipe

WINDOWS = [Window(scene, top, 3, 40) for scene in range(3) for top in (0, 20)]
WHOLE_IMAGES = [Area((number,), 0, 0, 50, 70) for number in range(4)]
CLIPS = [Area(tuple(range(first, first + 6)), 0, 0, 40, 48) for first in (10, 20, 30)]
IMAGES: dict[str, Any] = {"crops_from": "images", "crop": 16}
OF_CLIPS = Batches(batch_size=2, crop=16, crops_from="images", one_image=True, frames=4)


def sampler(settings: Recipe, seed: int = 5, windows: list[Window] = WINDOWS) -> BatchSampler:
    areas = [Area((w.scene,), w.top, w.left, w.size, w.size) for w in windows]
    if settings.crops_from == "images":
        areas = WHOLE_IMAGES
    return BatchSampler(settings, areas, CLIPS, len(windows), seed)


def batches(epoch: int = 1, seed: int = 5, **changes: Any) -> list[BatchSpec]:
    return list(sampler(recipe(**changes), seed).epoch(epoch))


sizes = st.integers(1, 9)
