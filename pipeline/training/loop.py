"""The training loop: one readable function, and the small things it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.config import Compute, Recipe
from pipeline.data.crops import to_tensor
from pipeline.data.feed import Feed
from pipeline.data.patches import Window
from pipeline.data.pixels import PixelStore
from pipeline.errors import UserError
from pipeline.training.device import autocast, memory_format
from pipeline.training.loss import LOSSES
from pipeline.training.schedule import learning_rate


@dataclass(frozen=True)
class CurvePoint:
    """One epoch: crops seen so far, learning rate, mean loss, validation PSNR in dB if scored."""

    epoch: int
    samples: int
    learning_rate: float
    loss: float
    psnr: float | None


@dataclass(frozen=True)
class Trained:
    """What training leaves: the best weights, when they were reached, and the whole curve."""

    state: dict[str, Tensor]
    epoch: int
    psnr: float
    curve: list[CurvePoint]


class Observer(Protocol):
    """Whoever wants to follow a training."""

    def step(self, samples: int, total: int, loss: float) -> None:
        """After each optimizer step: crops done, crops in all, mean loss of the batch."""

    def epoch(self, point: CurvePoint) -> None:
        """After each epoch: its point of the curve."""


def train(
    network: nn.Module,
    store: PixelStore,
    views: tuple[str, ...],
    windows: list[Window],
    recipe: Recipe,
    compute: Compute,
    device: torch.device,
    seed: int,
    observer: Observer,
) -> Trained:
    """Train `network` and keep the checkpoint with the best validation PSNR (paper 4.2).

    Adam, one cosine with optional warm-up, gradient accumulation to the same total batch.

    Args:
        network: takes `[B, 3 * views, H, W]` in [0, 1]; initialised by the caller.
        store: pixels of the training and validation splits.
        views: channel order of the network's input.
        windows: training windows, see `read_patch_index`.
        recipe: the training recipe.
        compute: precision, memory layout and loader workers.
        device: where to train.
        seed: of the data order.
        observer: told of every step and epoch.

    Raises:
        UserError: the loss or the validation PSNR stops being finite.
    """
    network.to(device=device, memory_format=memory_format(compute))  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.0, betas=recipe.betas)
    feed = Feed(store, views, windows, recipe, compute, seed)
    plan = Plan.of(recipe, len(windows))
    curve: list[CurvePoint] = []
    best, step = Trained({}, -1, float("-inf"), curve), 0
    for epoch in range(1, plan.epochs + 1):
        network.train()
        batches = feed.epoch(epoch)
        loss_sum, before = 0.0, plan.samples_at(step)
        while step < plan.steps and (group := list(islice(batches, recipe.accumulate))):
            rate = plan.learning_rate(step)
            optimizer.param_groups[0]["lr"] = rate
            crops = sum(len(target) for _, target in group)
            batch_loss = sum(
                _backward(network, batch, len(batch[1]) / crops, recipe, compute, device)
                for batch in group
            )
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            _check_finite("loss", batch_loss, epoch)
            loss_sum += batch_loss * crops
            observer.step(plan.samples_at(step), plan.samples, batch_loss)
        psnr = None
        if is_validated(epoch, recipe) or step == plan.steps:
            psnr = validate(network, store, views, compute, device)
            # Weights can overflow in the very last step, after its loss.
            _check_finite("validation PSNR", psnr, epoch)
            if psnr > best.psnr:
                best = Trained(_copy_of(network), epoch, psnr, curve)
        samples = plan.samples_at(step)
        curve.append(CurvePoint(epoch, samples, rate, loss_sum / (samples - before), psnr))
        observer.epoch(curve[-1])
    return best


@dataclass(frozen=True)
class Plan:
    """Length of a training in crops and optimizer steps, and its learning rates."""

    recipe: Recipe
    per_epoch: int
    steps_per_epoch: int

    @classmethod
    def of(cls, recipe: Recipe, windows: int) -> Plan:
        """The plan of `recipe` over a number of windows."""
        per_epoch = windows * recipe.passes_per_epoch
        return cls(recipe, per_epoch, -(-per_epoch // (recipe.batch_size * recipe.accumulate)))

    @property
    def steps(self) -> int:
        """Optimizer steps that are taken."""
        whole = self.recipe.epochs * self.steps_per_epoch
        return min(whole, self.recipe.max_steps or whole)

    @property
    def epochs(self) -> int:
        """Epochs that are begun."""
        return -(-self.steps // self.steps_per_epoch)

    @property
    def samples(self) -> int:
        """Crops seen in the whole training."""
        return self.samples_at(self.steps)

    def samples_at(self, step: int) -> int:
        """Crops seen after `step` optimizer steps."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        total_batch = self.recipe.batch_size * self.recipe.accumulate
        return epochs * self.per_epoch + rest * total_batch

    def learning_rate(self, step: int) -> float:
        """Learning rate of the step with this index, from 0."""
        return learning_rate(
            step,
            self.recipe.epochs * self.steps_per_epoch,
            self.recipe.warmup_epochs * self.steps_per_epoch,
            self.recipe.learning_rate,
            self.recipe.final_learning_rate,
        )


def _backward(
    network: nn.Module,
    batch: tuple[Tensor, Tensor],
    share: float,
    recipe: Recipe,
    compute: Compute,
    device: torch.device,
) -> float:
    x = batch[0].to(device, memory_format=memory_format(compute), non_blocking=True)
    target = batch[1].to(device, non_blocking=True)
    with autocast(compute, device):
        prediction = network(x)
    loss = LOSSES[recipe.loss](prediction.float(), target, recipe.charbonnier_eps) * share
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _check_finite(what: str, value: float, epoch: int) -> None:
    if not math.isfinite(value):
        raise UserError(
            f"the {what} became {value} in epoch {epoch}: training diverged; "
            "lower learning_rate or lengthen warmup_epochs"
        )


def _copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def is_validated(epoch: int, recipe: Recipe) -> bool:
    """Whether the validation set is scored after `epoch`: evenly spread, the last one included."""
    share = min(recipe.validations, recipe.epochs)
    return epoch * share // recipe.epochs > (epoch - 1) * share // recipe.epochs


def validate(
    network: nn.Module,
    store: PixelStore,
    views: tuple[str, ...],
    compute: Compute,
    device: torch.device,
) -> float:
    """Mean PSNR in dB over the whole validation images, predictions clamped to [0, 1]."""
    network.eval()
    scores = []
    with torch.inference_mode(), autocast(compute, device):
        for number in store.of_split("val"):
            x, target = whole_scene(store, number, views)
            x = x.to(device, memory_format=memory_format(compute))
            prediction = network(x).float().clamp(0, 1).cpu()
            error = (prediction.double() - target.double()).square().mean().item()
            scores.append(-10 * math.log10(max(error, 1e-10)))
    return sum(scores) / len(scores)


def whole_scene(store: PixelStore, number: int, views: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """A whole stored scene: input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`, in [0, 1]."""
    scene = store.read(number)
    x = torch.cat([to_tensor(scene[view]) for view in views])
    return x.unsqueeze(0), to_tensor(scene["target"]).unsqueeze(0)
