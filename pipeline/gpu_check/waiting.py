"""Time that a training spends waiting for its batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.store.reader import PixelStore
from pipeline.training import loop
from pipeline.training.train_step import TrainStep


class StopTraining(Exception):
    """The training has run for the requested number of steps."""


class TimedLoader(CropLoader):
    """A crop loader, made like any other, that measures how long a training waits for batches.

    `waits`: seconds of each wait.
    """

    waits: list[float]

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """See `CropLoader`."""
        self.waits = []
        batches = super().epoch(number, start)
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.waits.append(time.perf_counter() - started)
            yield batch


class StepTimes:
    """An observer that records when each step ended, and stops the training after the last step.

    Args:
        steps: to time, after a first one.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def step(self, step: loop.Step, total: int) -> None:
        """See `pipeline.training.loop.Observer`."""
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise StopTraining

    def epoch(self, point: loop.CurvePoint) -> None:
        """See `pipeline.training.loop.Observer`; comes only if the epoch is too short."""
        raise AssertionError("too few windows")


@dataclass(frozen=True)
class Waiting:
    """Seconds of a training step, and the share of it spent waiting for batches, 0 to 1."""

    step_s: float
    share: float


def waiting(train_step: TrainStep, store: PixelStore, loader: TimedLoader, steps: int) -> Waiting:
    """Train for `steps` steps, after a first one that starts the workers.

    Args:
        train_step: the network.
        store: where its crops come from.
        loader: has more than `steps` batches in its first epoch.
        steps: to measure.
    """
    observer = StepTimes(steps)
    with suppress(StopTraining):
        loop.train(train_step, store=store, loader=loader, observer=observer)
    total = observer.ends[-1] - observer.ends[0]
    return Waiting(total / steps, sum(loader.waits[1 : steps + 1]) / total)
