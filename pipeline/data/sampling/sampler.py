"""Which crops a training sees, in which order: pure functions of recipe, seed and epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.config.recipe import Batches, Recipe
from pipeline.data.sampling.crop_areas import Area, read_side, side_of
from pipeline.data.sampling.ring import share_of
from pipeline.data.sampling.steps import batches_of, main_kinds, steps_per_epoch
from pipeline.data.sampling.windows import Window
from pipeline.seeds import derive_seed


class CropSpec(NamedTuple):
    """One training crop: which window is read, and how it is changed.

    A `window` larger than the crop is shrunk to it. `transpose`: rows become columns, after the
    flips. `sigma`: deviation of the noise in [0, 1], 0 for none; `noise_seed` gives the field.
    """

    window: Window
    flip_horizontal: bool
    flip_vertical: bool
    transpose: bool = False
    grayscale: bool = False
    sigma: float = 0.0
    noise_seed: int = 0


class BatchSpec(NamedTuple):
    """One batch: crops of this `side`, `frames` in a row of a clip, of the companion or not.

    Of the clips (crops, where `frames` is 1) the `keep` sharpest make the batch; of these, the
    process `rank` of `world_size` takes every `world_size`-th.
    """

    crops: list[CropSpec]
    side: int
    keep: int
    frames: int = 1
    companion: bool = False
    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class BatchSampler:
    """The batches of every epoch.

    `areas` and `companion_areas`: where the main crops and the companion's may lie. `windows`: how
    many there are in the patch index; they give an epoch of whole passes its length.
    """

    recipe: Recipe
    areas: list[Area]
    companion_areas: list[Area]
    windows: int
    seed: int

    def epoch(self, number: int) -> Iterator[BatchSpec]:
        """The batches of one epoch, from 1: one for each step of the training.

        Every pass visits each area once, in a fresh order. With `passes_per_epoch`, the last main
        batch may be smaller.
        """
        recipe = self.recipe
        main = _Stream(recipe, self.areas, _generator(self.seed, "epoch", number))
        other = _Stream(recipe, self.companion_areas, _generator(self.seed, "companion", number))
        left = None if recipe.passes_per_epoch is None else recipe.passes_per_epoch * self.windows
        for step in range(steps_per_epoch(recipe, self.windows)):
            batches = batches_of(recipe, number, step)
            if batches is recipe.companion:
                yield other.batch(batches, batches.batch_size)._replace(companion=True)
                continue
            count = batches.batch_size if left is None else min(batches.batch_size, left)
            if left is not None:
                left -= count
            yield main.batch(batches, count)

    def largest_share(self, world_size: int) -> int:
        """Pixels that one process's share of the largest batch has in one channel."""
        kinds = [(kind, self.areas[0]) for kind in main_kinds(self.recipe)]
        if self.recipe.companion:
            kinds.append((self.recipe.companion, self.companion_areas[0]))
        return max(share_of(kind, world_size) * side_of(kind, area) ** 2 for kind, area in kinds)


def shard(
    batches: Iterable[BatchSpec], rank: int, world_size: int, start: int = 0
) -> Iterator[BatchSpec]:
    """One process's share of every batch; all processes together see exactly the batches.

    Clips are never divided. Which crops are the sharpest depends on all of them, so a process
    gets those of the others too and takes its share of what is kept.

    Args:
        batches: of one epoch, see `BatchSampler.epoch`.
        rank: number of the process, from 0.
        world_size: how many processes there are.
        start: batches of the epoch that were seen before.

    Yields:
        The share of each batch; empty where a batch has too few crops for all processes.
    """
    for number, batch in enumerate(batches):
        if number < start:
            continue
        if len(batch.crops) > batch.keep * batch.frames:
            yield batch._replace(rank=rank, world_size=world_size)
            continue
        clips = clips_in(batch)[rank::world_size]
        crops = [crop for clip in clips for crop in clip]
        yield batch._replace(crops=crops, keep=len(clips))


def clips_in(batch: BatchSpec) -> list[list[CropSpec]]:
    """The crops of a batch, clip by clip."""
    starts = range(0, len(batch.crops), batch.frames)
    return [batch.crops[first : first + batch.frames] for first in starts]


def _generator(seed: int, purpose: str, epoch: int) -> np.random.Generator:
    return np.random.default_rng([derive_seed(seed, purpose, epoch)])


class _Stream:
    """Draws batches from areas, one permutation of them after the other."""

    def __init__(self, recipe: Recipe, areas: list[Area], random: np.random.Generator) -> None:
        self.recipe = recipe
        self.areas = areas
        self.random = random
        self.numbers = self._passes()

    def _passes(self) -> Iterator[int]:
        while self.areas:
            yield from self.random.permutation(len(self.areas))

    def batch(self, batches: Batches, count: int) -> BatchSpec:
        """`count` crops or clips, and the spare ones."""
        phased = bool(self.recipe.phases) and batches is not self.recipe.companion
        shares = self.random.random(2) if phased else None
        crops: list[CropSpec] = []
        area, side = None, 0
        for _ in range(count + batches.spare_crops):
            if area is None or not batches.one_image:
                area = self._frames(self.areas[next(self.numbers)], batches.frames)
            side = side_of(batches, area)
            first = self._crop(area, side, shares)
            crops += [
                first._replace(window=first.window._replace(scene=scene)) for scene in area.scenes
            ]
        return BatchSpec(crops, side, count, batches.frames)

    def _frames(self, area: Area, frames: int) -> Area:
        """`frames` consecutive frames of a clip, from a drawn one on."""
        spare = len(area.scenes) - frames
        if not spare:
            return area
        start = int(self.random.integers(spare + 1))
        return area._replace(scenes=area.scenes[start : start + frames])

    # The order of the draws is part of every published number: new ones come after the old, and
    # only where the recipe asks for them.
    def _crop(self, area: Area, side: int, shares: NDArray[np.float64] | None) -> CropSpec:
        recipe, random = self.recipe, self.random
        read = side if shares is None else side_of(recipe, area)
        if recipe.downscale and random.random() < recipe.downscale.probability:
            read = read_side(read, random.uniform(*recipe.downscale.scale))
        top, left = self._corner(area, read)
        flips = random.random(2) < 0.5
        crop = CropSpec(
            Window(area.scenes[0], top, left, read),
            bool(recipe.flip_horizontal and flips[0]),
            bool(recipe.flip_vertical and flips[1]),
            bool(recipe.transpose and random.random() < 0.5),
        )
        if shares is not None:
            crop = crop._replace(window=_common_place(crop, side, shares))
        if recipe.noise and random.random() < recipe.noise.probability:
            sigma, seed = random.uniform(*recipe.noise.sigma), random.integers(2**63)
            crop = crop._replace(sigma=float(sigma), noise_seed=int(seed))
        if recipe.grayscale:
            crop = crop._replace(grayscale=bool(random.random() < recipe.grayscale))
        return crop

    def _corner(self, area: Area, side: int) -> tuple[int, int]:
        if area.height == area.width == side:
            return area.top, area.left
        top = self.random.integers(0, area.height - side + 1)
        left = self.random.integers(0, area.width - side + 1)
        return area.top + int(top), area.left + int(left)


def _common_place(crop: CropSpec, side: int, shares: NDArray[np.float64]) -> Window:
    """The part of a crop that a phase uses: at one place in the *turned* crops of a batch.

    The authors' loader turns the crops, their training loop then cuts the batch. The last row and
    column of places are never drawn, as there.
    """
    window = crop.window
    down, right = (int((window.size - side) * share) for share in shares)
    if crop.transpose:
        down, right = right, down
    if crop.flip_vertical:
        down = window.size - side - down
    if crop.flip_horizontal:
        right = window.size - side - right
    return Window(window.scene, window.top + down, window.left + right, side)
