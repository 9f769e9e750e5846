"""What the parts share: the device, the networks that are trained, and their batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from pipeline.compute.device import prepare_device
from pipeline.config.blocks import Compute
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch
from pipeline.gpu_check.rows import PRECISIONS, Precision
from pipeline.gpu_check.scale import SCALES, DeviceKind, Scale
from pipeline.methods import Method, get_method
from pipeline.training.train_step import TrainStep

SEED = 0
RATE = 1e-4
"""Learning rate of every step: steps are timed and compared, nothing is learned."""


@dataclass(frozen=True)
class Subject:
    """A method that is trained by gradients, as the experiment trains it.

    `kwargs`: constructor arguments of the network. `crop`: side of its training crops in pixels,
    the largest if there are phases.
    """

    method: Method
    recipe: Recipe
    kwargs: dict[str, Any]
    crop: int

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.method.name

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return 3 * len(self.method.views)

    def build(self) -> nn.Module:
        """The network, freshly initialized from the current seed, without parts for training."""
        return self.method.build(**self.kwargs)

    def train_step(self, compute: Compute, device: torch.device, **more: Any) -> TrainStep:
        """The network with everything that its training needs; `more` as for `TrainStep`."""
        network = self.method.build(**self.kwargs, **self.recipe.kwargs)
        return TrainStep(network.train(), self.recipe, compute, device, **more)

    def batch(self, crops: int, crop: int | None = None, *, pinned: bool = False) -> Batch:
        """Random crops, the same at every call, of `crop` pixels or of the recipe's size."""
        side = crop or self.crop
        generator = torch.Generator().manual_seed(SEED)
        x = torch.rand(crops, self.channels, side, side, generator=generator)
        target = torch.rand(crops, 3, side, side, generator=generator)
        if pinned:
            x, target = x.pin_memory(), target.pin_memory()
        full_size = torch.full((crops, 2), side)
        return Batch(x, target, torch.zeros_like(full_size), full_size)


@dataclass(frozen=True)
class Setting:
    """The device and the sizes of a check."""

    kind: DeviceKind

    @property
    def scale(self) -> Scale:
        """Sizes of everything."""
        return SCALES[self.kind]

    @cached_property
    def experiment(self) -> Experiment:
        """Networks, recipes and compute settings."""
        return load_experiment(self.scale.config)

    @cached_property
    def subjects(self) -> list[Subject]:
        """All trained networks in the order of the method list, ablations last, each once."""
        experiment, seen = self.experiment, set()
        found = []
        for name in [*experiment.methods, *experiment.ablations]:
            recipe = experiment.recipe_of(name)
            if recipe is None:
                continue
            method = get_method(name, experiment)
            kwargs = experiment.trained_kwargs(name)
            network = repr((method.entry.module, sorted(kwargs.items())))
            if network not in seen:
                seen.add(network)
                side = experiment.patches.size
                crop = min(recipe.crop or side, side)
                found.append(Subject(method, recipe, kwargs, crop))
        return found

    @property
    def precisions(self) -> list[Precision]:
        """Precisions that the device has: TF32 is CUDA's."""
        return [each for each in PRECISIONS if self.kind == "cuda" or each != "TF32"]

    @property
    def twins(self) -> Iterator[str]:
        """Names of trained methods left out because another one trains the same network."""
        there = {subject.name for subject in self.subjects}
        for name in [*self.experiment.methods, *self.experiment.ablations]:
            if self.experiment.recipe_of(name) is not None and name not in there:
                yield name

    def compute(self, precision: str = "float32", **changes: Any) -> Compute:
        """The experiment's compute settings on this device, in `precision`, with changes."""
        tf32 = precision == "TF32"
        return Compute.model_validate(
            self.experiment.compute.model_dump()
            | {"device": self.kind, "precision": "float32" if tf32 else precision, "tf32": tf32}
            | changes
        )

    def prepare(self, precision: str = "float32", **changes: Any) -> torch.device:
        """Set PyTorch's switches as a training with `compute` does, and seed it."""
        return prepare_device(self.compute(precision, **changes), SEED)
