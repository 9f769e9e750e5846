"""Short trainings that answer one question each: can it learn, does it run, what takes time?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from pipeline.compute.device import prepare_device
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.patch_index import read_patch_index
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError
from pipeline.evaluation.metrics.psnr import psnr_from_mse
from pipeline.files import atomic_file
from pipeline.planning.memory import TrainingMemory
from pipeline.run import Run
from pipeline.training.loop import CurvePoint, Observer, train
from pipeline.training.loss import check_terms
from pipeline.training.schedule import TrainingSchedule, cosine
from pipeline.training.train_step import TrainStep, forward

TARGET_DB = 40.0
"""PSNR in dB that every network which can learn exceeds on a single crop."""

OVERFIT_RATE = 4e-3
_WARMUP = 30
_ROWS = 15


@dataclass(frozen=True)
class Trial:
    """A method, ready to be trained for a while.

    Args:
        run: method and settings.
        recipe: that of the run, cut short.
        store: pixels of training and validation split.
        loader: training batches.
        device: where to train.
    """

    run: Run
    recipe: Recipe
    store: PixelStore
    loader: CropLoader
    device: torch.device

    def train_step(self) -> TrainStep:
        """The network that the experiment trains, freshly initialized, and its optimizer."""
        method, compute = self.run.method, self.run.compute
        kwargs = {**self.run.kwargs, **self.recipe.kwargs}
        memory = TrainingMemory(method, kwargs, self.recipe, compute)
        network = method.build(**kwargs)
        return TrainStep(network, self.recipe, compute, self.device, memory=memory)


def prepare_trial(run: Run, *, store: Path, patches: Path, **changes: Any) -> Trial:
    """Prepare a method.

    Args:
        run: method and settings.
        store: folder of the pixel store.
        patches: index of its windows.
        changes: of the recipe.

    Raises:
        ConfigError: the method is not trained by gradients.
        DataError: store or index are missing or damaged.
    """
    method, experiment = run.method, run.experiment
    if run.recipe is None:
        raise ConfigError(f"method {method.name!r} is not trained by gradients: nothing to debug")
    # One set is enough to see whether it learns.
    recipe = Recipe.model_validate({**run.recipe.model_dump(), "companion": None, **changes})
    check_terms(recipe, method.training_terms)
    seed = run.seed("debug")
    device = prepare_device(run.compute, seed)
    pixels = PixelStore(store)
    loader = CropLoader(
        pixels,
        read_patch_index(patches, pixels, experiment.patches),
        views=method.views,
        recipe=recipe,
        compute=run.compute,
        seed=seed,
        input_bits=method.input_bits,
    )
    return Trial(run, recipe, pixels, loader, device)


def overfit(trial: Trial, steps: int, rate: float = OVERFIT_RATE) -> Iterator[tuple[int, float]]:
    """Train on the same crop again and again.

    Args:
        trial: of batches of one crop.
        steps: optimizer steps: a short warm-up, then a cosine.
        rate: highest learning rate.

    Yields:
        Steps taken and the PSNR in dB on the crop, ten times.

    Raises:
        UserError: the loss or a gradient is not finite.
    """
    train_step = trial.train_step()
    train_step.network.train()
    batch = next(trial.loader.epoch(1))
    for step in range(steps):
        now = cosine(step, steps, min(_WARMUP, steps), rate, 0.0)
        train_step.step(batch, len(batch.target), now, f"step {step}")
        if (step + 1) * 10 // steps > step * 10 // steps:
            yield step + 1, _psnr(train_step, batch)


def _psnr(train_step: TrainStep, batch: Batch) -> float:
    with torch.no_grad():
        outputs = forward(
            train_step.network,
            batch,
            recipe=train_step.recipe,
            compute=train_step.compute,
            device=train_step.device,
        )
    prediction = outputs["output"].float().clamp(0, 1).cpu()
    return psnr_from_mse((prediction - batch.target).double().square().mean().item())


def limited(trial: Trial, observer: Observer) -> CurvePoint:
    """The first steps of the training, and the validation after them; nothing is written.

    Raises:
        UserError: the loss, a gradient or the validation PSNR is not finite.
    """
    trained = train(trial.train_step(), store=trial.store, loader=trial.loader, observer=observer)
    return trained.curve[-1]


def profiled(trial: Trial, steps: int, trace: Path) -> str:
    """Steps of the training under PyTorch's profiler.

    Args:
        trial: the method and its data.
        steps: how many are profiled; one more, the first, is not.
        trace: JSON file to write, for `chrome://tracing` or Perfetto.

    Returns:
        A table of the operations that took longest.

    Raises:
        DataError: no space, or no right to write.
        UserError: the loss or a gradient is not finite.
    """
    train_step, loader = trial.train_step(), trial.loader
    train_step.network.train()
    schedule = TrainingSchedule(trial.recipe, len(loader.windows))
    kinds = [ProfilerActivity.CPU]
    if trial.device.type == "cuda":
        kinds.append(ProfilerActivity.CUDA)
    epochs = (loader.epoch(number) for number in range(1, schedule.epochs + 1))
    batches = enumerate(chain.from_iterable(epochs))

    def take(count: int) -> None:
        for number, batch in islice(batches, count):
            crops, rate = schedule.crops_of(number), schedule.learning_rate(number)
            train_step.step(batch, crops, rate, f"step {number}")

    take(1)
    with profile(activities=kinds, record_shapes=True, profile_memory=True) as profiler:
        take(steps)
    with atomic_file(trace) as temporary:
        profiler.export_chrome_trace(str(temporary))
    longest = "self_cuda_time_total" if trial.device.type == "cuda" else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=longest, row_limit=_ROWS)
