"""Training batches from a pixel store, read ahead by worker processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.compute.distributed import ALONE, World
from pipeline.compute.worker_process import follow_parent, signals_held, worker_context
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.bit_depth import scaled
from pipeline.data.sampling.crop_areas import companion_areas, main_areas
from pipeline.data.sampling.crop_reader import CropReader, batch_view
from pipeline.data.sampling.ring import Ring, batches_ahead, elements_of, open_ring
from pipeline.data.sampling.sampler import BatchSampler, BatchSpec, shard
from pipeline.data.sampling.windows import Window
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError

Job = tuple[int, BatchSpec]
"""Number of the buffer to fill, and the batch to fill it with."""


@dataclass(frozen=True)
class Batch:
    """Training crops, float32 in [0, 1], RGB.

    `x`: `[N, 3 * views, side, side]`, `target`: `[N, 3, side, side]`. `origin`: row and column in
    its image of what was read for each crop, before any turn or shrinking; `full_size`: that
    image's height and width; int64 `[N, 2]`. `frames`: so many crops in a row are the frames of
    one clip. `scenes`: the name of each crop's image.
    """

    x: Tensor
    target: Tensor
    origin: Tensor
    full_size: Tensor
    frames: int = 1
    scenes: tuple[str, ...] = ()

    def parts(self, count: int) -> list[Batch]:
        """The batch in at most `count` parts of nearly equal size; clips stay whole.

        No part is empty: an empty batch has no parts.
        """
        clips = len(self.target) // self.frames
        sizes = [clips // count + (number < clips % count) for number in range(count)]
        ends = [self.frames * sum(sizes[: number + 1]) for number in range(count) if sizes[number]]
        return [
            Batch(
                self.x[start:end],
                self.target[start:end],
                self.origin[start:end],
                self.full_size[start:end],
                self.frames,
                self.scenes[start:end],
            )
            for start, end in pairwise([0, *ends])
        ]


class CropLoader:
    """Batches of crops, in the order of `BatchSampler` for any number of workers.

    Pixels travel as uint16 through a ring of shared buffers: allocating shared memory for every
    batch takes longer than reading it. A batch that is handed out holds a copy. Where memory is
    short, the ring is, or pixels travel through pipes; a line on standard error says so.

    Signals to the whole process group do not reach the workers, which end with this process.

    Args:
        store: the pixel store.
        windows: training windows.
        views: views in the channel order that the method expects.
        recipe: what the batches are made of, and how many an epoch has.
        compute: number of workers and of batches that each reads ahead.
        seed: of the data order.
        input_bits: of each value, views and target, that are kept: 16, or 8.
        companion: pixel store of the recipe's companion set.
        world: the processes that train together; this one gets its part of every batch.

    Raises:
        DataError: a crop does not fit its windows or images, a clip is too short, or the
            companion set is missing.
    """

    def __init__(
        self,
        store: PixelStore,
        windows: list[Window],
        *,
        views: tuple[str, ...],
        recipe: Recipe,
        compute: Compute,
        seed: int,
        input_bits: int = 16,
        companion: PixelStore | None = None,
        world: World = ALONE,
    ) -> None:
        self.views, self.input_bits, self.windows, self.world = views, input_bits, windows, world
        self.sampler = BatchSampler(
            recipe,
            areas=main_areas(store, windows, recipe),
            companion_areas=companion_areas(companion, recipe),
            windows=len(windows),
            seed=seed,
        )
        self.pinned = compute.device != "cpu" and torch.cuda.is_available()
        workers = compute.loader_workers
        elements = elements_of(self.sampler.largest_share(world.size), len(views))
        self._ring = open_ring(compute, elements) if workers else None
        ahead = batches_ahead(self._ring, workers) if self._ring else compute.prefetch
        self._jobs = _Jobs(len(self._ring.slots) if self._ring else 1)
        reader = CropReader(
            store,
            views,
            companion=companion,
            bits=input_bits,
            flip_swaps_views=recipe.flip_swaps_views,
        )
        self._loader: DataLoader[_Filled | DataError] = DataLoader(
            _Filling(reader, self._ring, elements),
            batch_size=None,
            sampler=self._jobs,
            num_workers=workers,
            prefetch_factor=ahead if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=_begin_worker,
            # It draws a seed at every start, which must not come from the network's generator.
            generator=torch.Generator(),
            multiprocessing_context=worker_context([__name__]) if workers else None,
        )

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch.

        Args:
            number: of the epoch, from 1.
            start: batches of it that were seen before.

        Yields:
            The crops; pixels in page-locked memory where there is a GPU.

        Raises:
            DataError: a scene of the store differs from its checksum, or a worker was killed.
        """
        self._jobs.batches = shard(
            self.sampler.epoch(number), self.world.rank, self.world.size, start
        )
        for filled in self._filled():
            if isinstance(filled, DataError):
                raise filled
            planes = filled.pixels
            if planes is None:
                assert self._ring is not None
                buffer = self._ring.slots[filled.buffer]
                planes = batch_view(buffer, len(filled.origins), len(self.views) + 1, filled.side)
            yield Batch(
                scaled(planes[:, :-3], pinned=self.pinned),
                scaled(planes[:, -3:], pinned=self.pinned),
                torch.tensor(filled.origins, dtype=torch.int64).view(-1, 2),
                torch.tensor(filled.sizes, dtype=torch.int64).view(-1, 2),
                filled.frames,
                tuple(filled.scenes),
            )

    def _filled(self) -> Iterator[_Filled | DataError]:
        try:
            with signals_held() if self._loader.num_workers else nullcontext():
                results = iter(self._loader)
            yield from results
        except RuntimeError as error:
            # It has no type of its own.
            if not str(error).startswith("DataLoader worker"):
                raise
            raise DataError(
                "a process that reads crops was killed; memory may have run out: lower "
                "compute.loader_workers or compute.prefetch"
            ) from error


def _begin_worker(_: int) -> None:
    follow_parent()
    cv2.setNumThreads(1)


class _Jobs(Sampler[Job]):
    """Yields the batches of the current epoch, each with the next buffer of the ring."""

    def __init__(self, buffers: int) -> None:
        self.buffers = buffers
        self.batches: Iterable[BatchSpec] = ()

    def __iter__(self) -> Iterator[Job]:
        for number, batch in enumerate(self.batches):
            yield number % self.buffers, batch


class _Filled(NamedTuple):
    """A worker's description of a batch, see `Batch`, and where its pixels are.

    They are in this buffer of the ring, or here: `[N, 3 * (views + 1), side, side]`.
    """

    buffer: int
    pixels: NDArray[np.uint16] | None
    side: int
    frames: int
    origins: list[tuple[int, int]]
    sizes: list[tuple[int, int]]
    scenes: list[str]


class _Filling(Dataset[_Filled | DataError]):
    """Runs in the workers: fills a buffer and describes it.

    An error is a result: PyTorch would make one with the worker's traceback of it.
    """

    def __init__(self, reader: CropReader, ring: Ring | None, elements: int) -> None:
        self.reader, self.ring, self.elements = reader, ring, elements

    def __getitem__(self, job: Job) -> _Filled | DataError:
        number, batch = job
        buffer = self.ring.slots[number] if self.ring else np.empty(self.elements, np.uint16)
        try:
            crops = self.reader.read_batch(buffer, batch)
        except DataError as error:
            return error
        planes = batch_view(buffer, len(crops), len(self.reader.views), batch.side)
        scenes = self.reader.stores[batch.companion].scenes
        images = [scenes[crop.window.scene] for crop in crops]
        return _Filled(
            number,
            None if self.ring else planes,
            batch.side,
            batch.frames,
            [(crop.window.top, crop.window.left) for crop in crops],
            [(image.height, image.width) for image in images],
            [image.source for image in images],
        )
