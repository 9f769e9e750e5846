"""Short trainings that answer one question each: can it learn, does it run, where is the time?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from pipeline.compute.device import memory_format, prepare_device
from pipeline.compute.distributed import ALONE
from pipeline.config.experiment import Experiment
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch, CropLoader
from pipeline.data.sampling.patch_index import read_patch_index
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError
from pipeline.files import atomic_file
from pipeline.methods import Method, get_method
from pipeline.seeds import derive_seed
from pipeline.training.loop import CurvePoint, Observer, train
from pipeline.training.loss import check_terms
from pipeline.training.schedule import Plan, cosine
from pipeline.training.train_step import TrainStep, run

TARGET_DB = 40.0
"""PSNR on a single crop that a network which can learn at all goes beyond."""

OVERFIT_RATE = 4e-3
_CROP = 64
_WARMUP = 30
_ROWS = 15


@dataclass(frozen=True)
class Trial:
    """A method, ready to be trained for a while.

    Args:
        experiment: says how.
        method: network and views.
        recipe: cut short.
        store: pixels of training and validation split.
        feed: training batches.
        device: where to train.
    """

    experiment: Experiment
    method: Method
    recipe: Recipe
    store: PixelStore
    feed: CropLoader
    device: torch.device

    def network(self) -> nn.Module:
        """The network that the experiment trains, freshly initialized, on the device."""
        network = self.method.build(
            **self.experiment.trained_kwargs(self.method.name), **self.recipe.kwargs
        )
        layout = memory_format(self.experiment.compute)
        network.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        return network

    def updater(self, network: nn.Module) -> TrainStep:
        """What takes its steps."""
        return TrainStep(network, self.recipe, self.experiment.compute, self.device, ALONE)


def trial(experiment: Experiment, name: str, store: Path, patches: Path, **changes: Any) -> Trial:
    """Prepare a method.

    Args:
        experiment: says how.
        name: method or ablation.
        store: folder of the pixel store.
        patches: index of its windows.
        changes: of the recipe.

    Raises:
        ConfigError: unknown method, or one that is not trained by gradients.
        DataError: store or index are missing or damaged.
    """
    method, recipe = get_method(name, experiment), experiment.recipe_of(name)
    if recipe is None:
        raise ConfigError(f"method {name!r} is not trained by gradients: nothing to debug")
    # One set is enough to see whether it learns.
    recipe = Recipe.model_validate({**recipe.model_dump(), "companion": None, **changes})
    check_terms(recipe, method.training_terms)
    seed = derive_seed(experiment.seed, "debug", 0)
    device = prepare_device(experiment.compute, seed)
    pixels = PixelStore(store)
    windows = read_patch_index(patches, pixels, experiment.patches)
    feed = CropLoader(
        pixels, method.views, windows, recipe, experiment.compute, seed, method.input_bits
    )
    return Trial(experiment, method, recipe, pixels, feed, device)


def overfit(one: Trial, steps: int, rate: float = OVERFIT_RATE) -> Iterator[tuple[int, float]]:
    """Train on the same crop again and again.

    Args:
        one: of batches of one crop.
        steps: optimizer steps: a short warm-up, then a cosine.
        rate: highest learning rate.

    Yields:
        Steps taken and the PSNR in dB on the crop, ten times.

    Raises:
        UserError: the loss or a gradient is not finite.
    """
    network = one.network().train()
    updater, batch = one.updater(network), next(one.feed.epoch(1))
    for step in range(steps):
        now = cosine(step, steps, min(_WARMUP, steps), rate, 0.0)
        updater.step(batch, len(batch.target), now, f"step {step}")
        if (step + 1) * 10 // steps > step * 10 // steps:
            yield step + 1, _psnr(one, network, batch)


def _psnr(one: Trial, network: nn.Module, batch: Batch) -> float:
    with torch.no_grad():
        made = run(network, batch, one.recipe, one.experiment.compute, one.device)["output"]
    error = (made.float().clamp(0, 1).cpu() - batch.target).double().square().mean().item()
    return -10 * math.log10(max(error, 1e-10))


def limited(one: Trial, observer: Observer) -> CurvePoint:
    """The first steps of the training, and the validation after them; nothing is written.

    Raises:
        UserError: the loss, a gradient or the validation PSNR is not finite.
    """
    how = (one.store, one.feed, one.recipe, one.experiment.compute, one.device)
    return train(one.network(), *how, observer).curve[-1]


def profiled(one: Trial, steps: int, trace: Path) -> str:
    """Steps of the training under PyTorch's profiler.

    Args:
        one: the trial.
        steps: how many are looked at; one more, the first, is not.
        trace: JSON file to write, for `chrome://tracing` or Perfetto.

    Returns:
        A table of the operations that took longest.

    Raises:
        DataError: no space, or no right to write.
        UserError: the loss or a gradient is not finite.
    """
    network = one.network().train()
    updater, plan = one.updater(network), Plan.of(one.recipe, len(one.feed.windows))
    kinds = [ProfilerActivity.CPU]
    if one.device.type == "cuda":
        kinds.append(ProfilerActivity.CUDA)
    epochs = (one.feed.epoch(number) for number in range(1, plan.epochs + 1))
    batches = enumerate(chain.from_iterable(epochs))

    def take(count: int) -> None:
        for number, batch in islice(batches, count):
            crops, rate = plan.crops_of(number), plan.learning_rate(number)
            updater.step(batch, crops, rate, f"step {number}")

    take(1)
    with profile(activities=kinds, record_shapes=True, profile_memory=True) as found:
        take(steps)
    with atomic_file(trace) as temporary:
        found.export_chrome_trace(str(temporary))
    longest = "self_cuda_time_total" if one.device.type == "cuda" else "self_cpu_time_total"
    return found.key_averages().table(sort_by=longest, row_limit=_ROWS)
