"""One step of every method that is trained by gradients, in the sizes of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch
from pipeline.methods import Method, get_method
from pipeline.training.loss import loss_terms, own_terms
from pipeline.training.train_step import TrainStep
from support.paths import CONFIG

CPU = torch.device("cpu")
SIDE = 64
# Of those that share a network, one: T to H, and two of DPDNet.
TRAINED = (
    *("dmtnet-t", "dmtnet-b", "dmtnet-b-no-transformer", "dpdnet", "rdpd-plus"),
    *("ifan", "kpac", "mrnet", "uformer-b", "restormer"),
)


@cache
def experiment() -> Experiment:
    return load_experiment(CONFIG / "demo_all.yaml")


@dataclass(frozen=True)
class Trainee:
    """A method, its recipe and its network, freshly initialized."""

    method: Method
    recipe: Recipe
    network: nn.Module

    def gradients(self, precision: torch.dtype | None = None) -> tuple[float, list[Tensor | None]]:
        """Loss and gradients of one step, the same at every call."""
        torch.manual_seed(3)
        x, target = torch.rand(1, 3 * len(self.method.views), SIDE, SIDE), torch.rand(1, 3, 64, 64)
        self.network.train()
        self.network.zero_grad()
        with torch.autocast("cpu", precision, enabled=precision is not None):
            if own_terms(self.recipe):
                outputs = cast(Any, self.network).forward_training(x, target)
            else:
                place = {"origin": torch.zeros(1, 2).long(), "full_size": torch.full((1, 2), SIDE)}
                outputs = {"output": self.network(x, **place)}
        loss = torch.stack([*loss_terms(outputs, target, self.recipe).values()]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item(), [parameter.grad for parameter in self.network.parameters()]


def trainee(name: str) -> Trainee:
    method, recipe = get_method(name, experiment()), experiment().recipe_of(name)
    assert recipe is not None
    torch.manual_seed(0)
    kwargs = {**experiment().trained_kwargs(name), **recipe.kwargs}
    return Trainee(method, recipe, method.build(**kwargs))


def make_train_step(network: nn.Module, recipe: Recipe, compute: Any) -> TrainStep:
    return TrainStep(network, recipe, compute, CPU)


def batch(seed: int = 0) -> Batch:
    """Two crops of 16 pixels."""
    generator = torch.Generator().manual_seed(seed)
    x, target = (torch.rand(2, count, 16, 16, generator=generator) for count in (6, 3))
    place = torch.zeros(2, 2).long()
    return Batch(x, target, place, place, 1, ("b.png", "a.png"))
