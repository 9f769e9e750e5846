"""Time that a training spends waiting for its batches."""

from __future__ import annotations

import torch

from benchmarks.crop_settings import PATCHES, VIEWS, compute, recipe
from dmtnet import build
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.gpu_check.waiting import TimedLoader, waiting
from pipeline.training.train_step import TrainStep


def waiting_share(store: PixelStore, workers: int, crop: int, steps: int) -> dict[str, float]:
    """Seconds of a training step of DMTNet-T, and the share spent waiting for batches, 0 to 1."""
    torch.set_num_threads(1)
    windows = index_windows(store, PATCHES)
    settings, machine = recipe(1, crop, -(-(steps + 1) // len(windows))), compute(workers)
    loader = TimedLoader(store, windows, views=VIEWS, recipe=settings, compute=machine, seed=0)
    train_step = TrainStep(build("t"), settings, machine, torch.device("cpu"))
    found = waiting(train_step, store, loader, steps)
    return {"step_s": found.step_s, "waiting_share": found.share}
