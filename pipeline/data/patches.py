"""Sliding-window patches as an index into whole images, and the order they are drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.config import Patches, Recipe
from pipeline.data.store import PixelStore
from pipeline.errors import DataError
from pipeline.seeds import derive_seed


class Window(NamedTuple):
    """A square window of a stored scene: scene number, top, left and side in pixels."""

    scene: int
    top: int
    left: int
    size: int


class Draw(NamedTuple):
    """One training crop: its window and whether it is flipped."""

    window: Window
    flip_horizontal: bool
    flip_vertical: bool


def window_offsets(length: int, size: int, overlap: float) -> list[int]:
    """Offsets of the windows along one side (paper 4.1; DPDNet's edge rule).

    The stride is `int((1 - overlap) * size)`; where a window would leave the image, one flush
    with the edge is added. 512 at 60 % overlap on 1120x1680 gives 4 x 7 = 28 windows.

    Raises:
        DataError: the window is larger than the image.
    """
    if size > length:
        raise DataError(f"a window of {size} px does not fit an image side of {length} px")
    stride = max(1, int((1 - overlap) * size))
    offsets = list(range(0, length - size + 1, stride))
    if offsets[-1] != length - size:
        offsets.append(length - size)
    return offsets


def index_windows(store: PixelStore, patches: Patches) -> list[Window]:
    """All windows of the training split, scene by scene, row by row.

    Raises:
        DataError: a window does not fit, or there is no training scene.
    """
    windows = []
    for number in store.of_split("train"):
        scene = store.scenes[number]
        for top in window_offsets(scene.height, patches.size, patches.overlap):
            for left in window_offsets(scene.width, patches.size, patches.overlap):
                windows.append(Window(number, top, left, patches.size))
    return windows


def epoch_draws(windows: list[Window], recipe: Recipe, seed: int, epoch: int) -> Iterator[Draw]:
    """The crops of one epoch, in order: a pure function of its arguments.

    Every pass visits each window once, in a fresh order; sub-crops (if the recipe asks for them)
    and flips are drawn anew each time.
    """
    generator = np.random.default_rng([derive_seed(seed, "epoch", epoch)])
    for _ in range(recipe.passes_per_epoch):
        for number in generator.permutation(len(windows)):
            window = _sub_crop(windows[number], recipe.crop, generator)
            flips = generator.random(2) < 0.5
            yield Draw(
                window,
                bool(recipe.flip_horizontal and flips[0]),
                bool(recipe.flip_vertical and flips[1]),
            )


def _sub_crop(window: Window, crop: int | None, generator: np.random.Generator) -> Window:
    if crop is None or crop >= window.size:
        return window
    top, left = generator.integers(0, window.size - crop + 1, size=2)
    return Window(window.scene, window.top + int(top), window.left + int(left), crop)
