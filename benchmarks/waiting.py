"""Time that a training spends waiting for its batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import torch

from benchmarks.crop_settings import PATCHES, VIEWS, compute, recipe
from dmtnet import build
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.windows import Window, index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.training import loop
from pipeline.training.train_step import TrainStep


class StopTraining(Exception):
    """The training has run for the requested number of steps."""


class TimedLoader(CropLoader):
    """A crop loader that measures how long the training waits for each batch.

    Args:
        store: the pixel store.
        windows: training windows.
        recipe: composition of the batches.
        compute: number of workers and of batches that each reads ahead.
    """

    def __init__(
        self, store: PixelStore, windows: list[Window], *, recipe: Recipe, compute: Compute
    ) -> None:
        super().__init__(store, windows, views=VIEWS, recipe=recipe, compute=compute, seed=0)
        self.waits: list[float] = []

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """See `CropLoader`; appends the seconds of each wait to `waits`."""
        batches = super().epoch(number, start)
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waits.append(time.perf_counter() - started)
            yield batch


class StepTimes:
    """An observer that records when each step ended, and stops the training after the last step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def step(self, step: loop.Step, total: int) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise StopTraining

    def epoch(self, point: loop.CurvePoint) -> None:
        raise AssertionError("too few windows")


def waiting_share(store: PixelStore, workers: int, crop: int, steps: int) -> dict[str, float]:
    """Seconds of a training step of DMTNet-T, and the share spent waiting for batches, 0 to 1."""
    torch.set_num_threads(1)
    observer = StepTimes(steps)
    windows = index_windows(store, PATCHES)
    settings, machine = recipe(1, crop, -(-(steps + 1) // len(windows))), compute(workers)
    loader = TimedLoader(store, windows, recipe=settings, compute=machine)
    train_step = TrainStep(build("t"), settings, machine, torch.device("cpu"))
    with suppress(StopTraining):
        loop.train(train_step, store=store, loader=loader, observer=observer)
    # The first step starts the workers.
    total = observer.ends[-1] - observer.ends[0]
    waited = sum(loader.waits[1 : steps + 1])
    return {"step_s": total / steps, "waiting_share": waited / total}
