"""Training batches from a pixel store, read ahead by worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.config import Compute, Recipe
from pipeline.data.crops import CropReader, scaled
from pipeline.data.patches import Draw, Window, epoch_draws, shard
from pipeline.data.pixels import PixelStore

Job = tuple[int, list[Draw]]
"""The buffer to fill, and with which crops."""


@dataclass(frozen=True)
class Batch:
    """Training crops, float32 in [0, 1], RGB.

    `x`: `[N, 3 * views, side, side]`, `target`: `[N, 3, side, side]`. `origin`: row and column of
    each crop in its picture, `full_size`: that picture's height and width, int64 `[N, 2]`.
    `frames`: so many crops in a row are the frames of one clip.
    """

    x: Tensor
    target: Tensor
    origin: Tensor
    full_size: Tensor
    frames: int = 1


class Feed:
    """Batches of crops, in the order of `epoch_draws` whatever the number of workers.

    Pixels travel as uint16 through a ring of shared buffers: to make shared memory anew for every
    batch takes longer than to read it. What a batch holds when it is handed out is a copy.

    Args:
        store: the pixel store.
        views: views in the channel order that the method expects.
        windows: training windows.
        recipe: crop, flips, batch size and passes per epoch.
        compute: number of workers and of batches that each reads ahead.
        seed: of the data order.
    """

    def __init__(
        self,
        store: PixelStore,
        views: tuple[str, ...],
        windows: list[Window],
        recipe: Recipe,
        compute: Compute,
        seed: int,
        input_bits: int = 16,
        companion: PixelStore | None = None,
    ) -> None:
        self.views, self.input_bits = views, input_bits
        self.store, self.windows, self.recipe, self.seed = store, windows, recipe, seed
        self.pinned = compute.device != "cpu" and torch.cuda.is_available()
        workers = compute.loader_workers
        # One buffer for each batch on its way, and one that is being handed out.
        buffers = workers * compute.prefetch + 1
        side = min(recipe.crop or windows[0].size, windows[0].size)
        shape = (buffers, recipe.batch_size, 3 * (len(views) + 1), side, side)
        self._ring = torch.empty(shape, dtype=torch.uint16)
        self._ring.share_memory_()  # type: ignore[no-untyped-call]
        self._order = _Order(buffers)
        reader = CropReader(store, views, flip_swaps_views=recipe.flip_swaps_views)
        self._loader: DataLoader[tuple[int, int]] = DataLoader(
            _Filling(reader, self._ring),
            batch_size=None,
            sampler=self._order,
            num_workers=workers,
            prefetch_factor=compute.prefetch if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=_single_thread,
            # A forked copy of a process that runs threads (PyTorch's, OpenCV's) can deadlock.
            multiprocessing_context="spawn" if workers else None,
        )

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch.

        Args:
            number: of the epoch, from 1.
            start: crops of it that were seen before, a multiple of the batch size.

        Yields:
            The crops; pixels in page-locked memory where there is a GPU.
        """
        order = epoch_draws(self.windows, self.recipe, self.seed, number)
        self._order.batches = shard(order, 0, 1, self.recipe.batch_size, start)
        for draws, (buffer, count) in zip(self._order.batches, self._loader, strict=True):
            planes = self._ring[buffer, :count].numpy()
            x, target = planes[:, :-3], planes[:, -3:]
            windows = [draw.window for draw in draws]
            scenes = [self.store.scenes[window.scene] for window in windows]
            yield Batch(
                scaled(x, pinned=self.pinned),
                scaled(target, pinned=self.pinned),
                torch.tensor([[window.top, window.left] for window in windows]),
                torch.tensor([[scene.height, scene.width] for scene in scenes]),
            )


def _single_thread(_: int) -> None:
    cv2.setNumThreads(1)


class _Order(Sampler[Job]):
    """Hands out the batches of the epoch at hand, each with the next buffer of the ring."""

    def __init__(self, buffers: int) -> None:
        self.buffers = buffers
        self.batches: list[list[Draw]] = []

    def __iter__(self) -> Iterator[Job]:
        for number, draws in enumerate(self.batches):
            yield number % self.buffers, draws

    def __len__(self) -> int:
        return len(self.batches)


class _Filling(Dataset[tuple[int, int]]):
    """Runs in the workers: fills a buffer, and says which and with how many crops."""

    def __init__(self, reader: CropReader, ring: Tensor) -> None:
        self.reader = reader
        self.ring = ring

    def __getitem__(self, batch: Job) -> tuple[int, int]:
        buffer, draws = batch
        self.reader.read_batch(self.ring[buffer, : len(draws)].numpy(), draws)
        return buffer, len(draws)
