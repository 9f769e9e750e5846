"""One optimizer step: a batch goes through the network in parts, and the gradients are checked."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pipeline.compute.activation_checkpointing import checkpoint_activations
from pipeline.compute.compilation import compile_network
from pipeline.compute.device import autocast, memory_format
from pipeline.compute.distributed import ALONE, World
from pipeline.compute.enough_memory import enough_memory
from pipeline.compute.entry_points import training_outputs
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch
from pipeline.planning.memory import TrainingMemory
from pipeline.training.loss import FIRST_SAMPLE_ONLY, loss_terms, own_terms
from pipeline.training.optimizer import make_optimizer, moving_average
from pipeline.training.passes import Passes
from pipeline.training.precision import MAX_SKIPPED, NonFinite, Scaler


@dataclass
class TrainStep:
    """A network, its optimizer, and how its gradients are made.

    Args:
        network: takes `[N, 3 * views, side, side]` in [0, 1]; moved to `device`.
        recipe: losses, optimizer, parts of a batch.
        compute: precision, memory layout, compilation, checkpointing.
        device: where to train.
        world: the processes that train together; each is given its part of every batch.
        memory: what a pass through the network takes; it divides batches that are too large.
    """

    network: nn.Module
    recipe: Recipe
    compute: Compute
    device: torch.device
    world: World = ALONE
    memory: TrainingMemory | None = None
    optimizer: torch.optim.Optimizer = field(init=False)
    scaler: Scaler = field(init=False)
    passes: Passes = field(init=False)
    average: AveragedModel | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        layout = memory_format(self.compute)
        self.network.to(device=self.device, memory_format=layout)  # type: ignore[call-overload]
        self.optimizer = make_optimizer(self.network, self.recipe)
        self.scaler = Scaler(self.compute, self.device)
        self.passes = Passes(
            self.network, self.recipe.accumulate, self.compute, self.device, self.memory
        )
        if self.recipe.ema is not None:
            self.average = moving_average(self.network, self.recipe.ema)
        if self.compute.activation_checkpointing and not checkpoint_activations(self.network):
            print("warning: activation_checkpointing: this network has no blocks", file=sys.stderr)
        if self.compute.compile:
            compile_network(self.network, self.device)

    @property
    def learned(self) -> nn.Module:
        """The network to validate and keep: of averaged weights, if the recipe wants that."""
        return self.network if self.average is None else self.average.module

    def step(self, batch: Batch, crops: int, rate: float, where: str) -> dict[str, float]:
        """Take one step.

        Args:
            batch: this process's part; it may be empty.
            crops: in the whole batch, over all processes.
            rate: learning rate.
            where: the step's name, for messages.

        Returns:
            The terms of the loss of the whole batch.

        Raises:
            NonFinite: the loss or a gradient is not finite; no weight was changed. In float16, a
                gradient may overflow now and then: the step is skipped.
            NoMemory: the device has too little memory.
        """
        names = [*self.recipe.losses]
        terms = self.gradients(batch, crops)
        self.scaler.unscale_(self.optimizer)
        parameters = [value for value in self.network.parameters() if value.grad is not None]
        norm = nn.utils.get_total_norm([cast(Tensor, value.grad) for value in parameters])
        terms = self.world.all_reduce(terms)
        # The only host-device synchronization of a step.
        *values, size = torch.cat([terms, norm.to(terms).view(1)]).tolist()
        loss = dict(zip(names, values, strict=True))
        self._check("loss", sum(loss.values()), where, batch)
        if self.scaler.skipped >= MAX_SKIPPED or not self.scaler.enabled:
            self._check("norm of the gradient", size, where, batch)
        if self.recipe.max_grad_norm is not None and math.isfinite(size):
            nn.utils.clip_grads_with_norm_(parameters, self.recipe.max_grad_norm, norm)
        self.optimizer.param_groups[0]["lr"] = rate
        with enough_memory("in the step of the optimizer", "take a device with more memory"):
            taken = self.scaler.step(self.optimizer, finite=math.isfinite(size))
        self.optimizer.zero_grad(set_to_none=True)
        if taken and self.average is not None:
            self.average.update_parameters(self.network)
        return loss

    def gradients(self, batch: Batch, crops: int) -> Tensor:
        """Add the gradients of the whole batch, scaled in float16; change no weight.

        Args:
            batch, crops: see `step`.

        Returns:
            The terms of this process's part of the loss, float64.

        Raises:
            NoMemory: the device has too little memory.
        """
        terms = self.passes.run(
            batch,
            lambda parts: self._gradients(parts, crops),
            lambda: self.optimizer.zero_grad(set_to_none=True),
        )
        self.world.all_reduce_gradients(self.network)
        return terms

    def _gradients(self, parts: list[Batch], crops: int) -> Tensor:
        """Add the gradients of all parts; the terms of their loss."""
        terms = torch.zeros(len(self.recipe.losses), dtype=torch.float64, device=self.device)
        first = self.world.is_main
        for part in parts:
            terms += self._backward(part, len(part.target) / crops, first)
            first = False
        return terms

    def _backward(self, batch: Batch, share: float, first: bool) -> Tensor:
        """Add one part's gradients; its terms, as they enter the loss of the whole batch."""
        with autocast(self.compute, self.device):
            outputs = forward(
                self.network,
                batch,
                recipe=self.recipe,
                compute=self.compute,
                device=self.device,
            )
        target = batch.target.to(self.device, non_blocking=True)
        terms = loss_terms(outputs, target, self.recipe, batch.frames)
        weighted = {
            name: value * (float(first) if name in FIRST_SAMPLE_ONLY else share)
            for name, value in terms.items()
        }
        stacked = torch.stack([*weighted.values()])
        self.scaler.scale(stacked.sum()).backward()  # type: ignore[no-untyped-call]
        return stacked.detach().double()

    def _check(self, what: str, value: float, where: str, batch: Batch) -> None:
        if math.isfinite(value):
            return
        scenes = sorted({name for part in self.world.gather(batch.scenes) for name in part})
        self.optimizer.zero_grad(set_to_none=True)
        raise NonFinite(
            f"the {what} became {value} in {where} ({', '.join(scenes)}): training diverged; "
            "lower learning_rate or lengthen warmup_epochs"
        )


def forward(
    network: nn.Module, batch: Batch, *, recipe: Recipe, compute: Compute, device: torch.device
) -> Mapping[str, Tensor]:
    """What the loss compares: the prediction as `output`, `[N, 3, side, side]`, and own terms."""
    x = batch.x.to(device, memory_format=memory_format(compute), non_blocking=True)
    own = bool(own_terms(recipe))
    return training_outputs(
        network,
        x,
        batch.target.to(device) if own else batch.target,
        frames=batch.frames,
        own_terms=own,
        origin=batch.origin,
        full_size=batch.full_size,
    )
