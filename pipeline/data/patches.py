"""Sliding-window patches as an index into whole images, and the order they are drawn in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from pipeline.config import Patches, Recipe
from pipeline.data.pixels import PixelStore
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


def image_windows(height: int, width: int, patches: Patches) -> list[tuple[int, int]]:
    """Top and left of the windows of an image, in the order of DPDNet's code.

    Row by row, but the window in the last corner comes right after the first row.

    Raises:
        DataError: a window does not fit.
    """
    tops = window_offsets(height, patches.size, patches.overlap)
    lefts = window_offsets(width, patches.size, patches.overlap)
    places = [(top, left) for top in tops for left in lefts]
    if len(tops) > 1:
        places.insert(len(lefts), places.pop())
    return places


def index_windows(store: PixelStore, patches: Patches) -> list[Window]:
    """All windows of the training split, scene by scene, before any is left out.

    Raises:
        DataError: a window does not fit, or there is no training scene.
    """
    return [
        Window(number, *place, patches.size)
        for number in store.of_split("train")
        for place in image_windows(store.scenes[number].height, store.scenes[number].width, patches)
    ]


def epoch_draws(windows: list[Window], recipe: Recipe, seed: int, epoch: int) -> Iterator[Draw]:
    """The crops of one epoch, in order: a pure function of its arguments.

    Every pass visits each window once, in a fresh order; sub-crops (if the recipe asks for them)
    and flips are drawn anew each time.
    """
    generator = np.random.default_rng([derive_seed(seed, "epoch", epoch)])
    for _ in range(recipe.passes_per_epoch or 1):
        for number in generator.permutation(len(windows)):
            window = _sub_crop(windows[number], recipe.crop, generator)
            flips = generator.random(2) < 0.5
            yield Draw(
                window,
                bool(recipe.flip_horizontal and flips[0]),
                bool(recipe.flip_vertical and flips[1]),
            )


def shard(
    draws: Iterable[Draw], rank: int, world: int, batch_size: int, start: int = 0
) -> list[list[Draw]]:
    """One process's share of every batch; all processes together see exactly the batches.

    A draw's process depends on its place in its batch alone, so that a training can go on in the
    middle of an epoch.

    Args:
        draws: of one epoch, see `epoch_draws`.
        rank: number of the process, from 0.
        world: how many processes there are.
        batch_size: crops of a batch, over all processes.
        start: crops of the epoch that were seen before.

    Returns:
        The draws of this process, batch by batch. The last batch may be smaller, and then empty
        for some processes.
    """
    whole = list(draws)
    batches = []
    for first in range(start - start % batch_size, len(whole), batch_size):
        end = min(first + batch_size, len(whole))
        batches.append([whole[n] for n in range(first + rank, end, world) if n >= start])
    return batches


def _sub_crop(window: Window, crop: int | None, generator: np.random.Generator) -> Window:
    if crop is None or crop >= window.size:
        return window
    top, left = generator.integers(0, window.size - crop + 1, size=2)
    return Window(window.scene, window.top + int(top), window.left + int(left), crop)
