"""Part `feed`: does a training wait for its data, and what does it take to deliver a batch?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.data.bit_depth import scaled
from pipeline.data.sampling.windows import Window, index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.gpu_check.meter import Meter
from pipeline.gpu_check.photographs import write_photographs
from pipeline.gpu_check.rows import FeedRow, Planned, Precision
from pipeline.gpu_check.setting import SEED, Setting, Subject
from pipeline.gpu_check.waiting import TimedLoader, waiting

_PRECISIONS: tuple[Precision, ...] = ("bfloat16", "float32")
"""The fastest steps first: they wait longest."""

_NETWORKS = 2


def run(setting: Setting) -> Iterator[Planned | FeedRow]:
    """Train the two first networks from a store of photographs, with their recipes' batches."""
    cells = [
        (subject, precision)
        for subject in setting.subjects[:_NETWORKS]
        for precision in _PRECISIONS
    ]
    yield Planned(names=tuple(f"{subject.name} {precision}" for subject, precision in cells))
    with tempfile.TemporaryDirectory() as name:
        scale = setting.scale
        store = write_photographs(Path(name) / "store", scale.scenes, scale.image)
        windows = index_windows(store, setting.experiment.patches)
        for subject, precision in cells:
            yield measured(setting, subject, precision, store, windows)


def measured(
    setting: Setting,
    subject: Subject,
    precision: Precision,
    store: PixelStore,
    windows: list[Window],
) -> FeedRow:
    """Train one network for a while; `windows` are those of `store`."""
    compute, steps = setting.compute(precision), setting.scale.feed_steps
    device = setting.prepare(precision)
    batch_size = subject.recipe.batch_size
    # One epoch that is longer than the measurement, and no validation.
    passes = -(-(steps + 2) * batch_size // len(windows))
    recipe = subject.recipe.model_copy(
        update={"epochs": 1, "passes_per_epoch": passes, "validations": 1}
    )
    method = subject.method
    loader = TimedLoader(
        store,
        windows,
        views=method.views,
        recipe=recipe,
        compute=compute,
        seed=SEED,
        input_bits=method.input_bits,
    )
    meter = Meter(device)
    meter.start_peak()
    found = waiting(subject.train_step(compute, device), store, loader, steps)
    pixels = np.zeros((batch_size, subject.channels + 3, subject.crop, subject.crop), np.uint16)
    pinned = device.type == "cuda"
    conversion_s, _ = meter.typical(lambda: scaled(pixels, pinned=pinned), 0.1)
    converted = scaled(pixels, pinned=pinned)
    return FeedRow(
        name=f"{subject.name} {precision}",
        method=subject.name,
        precision=precision,
        batch=batch_size,
        crop=subject.crop,
        workers=compute.loader_workers,
        step_s=found.step_s,
        waiting_share=found.share,
        conversion_s=conversion_s,
        transfer_s=_transfer(converted, device, meter) if pinned else None,
        batch_bytes=converted.nbytes,
    )


def _transfer(batch: torch.Tensor, device: torch.device, meter: Meter) -> float:
    seconds, _ = meter.typical(lambda: batch.to(device, non_blocking=True), 0.1)
    return seconds
