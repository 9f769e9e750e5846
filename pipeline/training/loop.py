"""The training loop: one readable function, and the small things it is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.compute.device import autocast, memory_format
from pipeline.compute.distributed import ALONE, World
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.bit_depth import at_depth, to_tensor
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.store.reader import PixelStore
from pipeline.errors import UserError
from pipeline.training.schedule import Plan
from pipeline.training.train_step import TrainStep


@dataclass(frozen=True)
class Step:
    """One optimizer step, from 0: crops seen after it, learning rate, terms of the loss.

    `shape` of a batch's input, `[N, channels, side, side]`.
    """

    number: int
    samples: int
    learning_rate: float
    terms: dict[str, float]
    shape: tuple[int, ...]

    @property
    def loss(self) -> float:
        """Sum of the terms."""
        return sum(self.terms.values())


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


@dataclass
class TrainState:
    """How far a training is; with its train_step, all that it needs to go on.

    `step`: optimizer steps taken. `loss_sum`: loss times crops over the epoch at hand. `state`,
    `epoch`, `psnr`: the best weights so far, as in `Trained`.
    """

    step: int = 0
    loss_sum: float = 0.0
    state: dict[str, Tensor] = field(default_factory=dict)
    epoch: int = -1
    psnr: float = -math.inf
    curve: list[CurvePoint] = field(default_factory=list)


class Observer(Protocol):
    """Whoever wants to follow a training."""

    def step(self, step: Step, total: int) -> None:
        """After each optimizer step; `total`: crops in the whole training."""

    def epoch(self, point: CurvePoint) -> None:
        """After each epoch: its point of the curve."""


class NullObserver:
    """An observer that says nothing."""

    def step(self, step: Step, total: int) -> None:
        """See `Observer`."""

    def epoch(self, point: CurvePoint) -> None:
        """See `Observer`."""


class Checkpointer(Protocol):
    """Whoever sees to it that a training can be interrupted."""

    def restore(self, train_step: TrainStep) -> TrainState:
        """Put the train_step where an earlier run of the same training stopped."""

    def after_step(self, done: TrainState, train_step: TrainStep) -> None:
        """May save, and may raise to end the run here."""

    def at_end(self, done: TrainState, train_step: TrainStep) -> None:
        """After the last epoch."""


def train(
    network: nn.Module,
    store: PixelStore,
    feed: CropLoader,
    recipe: Recipe,
    compute: Compute,
    device: torch.device,
    observer: Observer,
    checkpointer: Checkpointer | None = None,
    world: World = ALONE,
) -> Trained:
    """Train `network` and keep the checkpoint with the best validation PSNR (paper 4.2).

    Args:
        network: takes `[B, 3 * views, H, W]` in [0, 1]; initialized by the caller.
        store: pixels of the training and validation splits.
        feed: the training batches, this process's part of each.
        recipe: the training recipe.
        compute: precision, memory layout and other switches.
        device: where to train.
        observer: told of every step and epoch.
        checkpointer: takes up and keeps the state of the training.
        world: the processes that train together.

    Raises:
        UserError: the loss, a gradient or the validation PSNR stops being finite.
    """
    network.to(device=device, memory_format=memory_format(compute))  # type: ignore[call-overload]
    train_step = TrainStep(network, recipe, compute, device, world)
    plan = Plan.of(recipe, len(feed.windows))
    done = TrainState() if checkpointer is None else checkpointer.restore(train_step)
    for epoch in range(len(done.curve) + 1, plan.epochs + 1):
        network.train()
        first = (epoch - 1) * plan.steps_per_epoch
        last = min(first + plan.steps_per_epoch, plan.steps)
        before, samples = plan.samples_at(first), plan.samples_at(done.step)
        for batch in islice(feed.epoch(epoch, done.step - first), last - done.step):
            crops, rate = plan.crops_of(done.step), plan.learning_rate(done.step)
            where = f"epoch {epoch}, step {done.step}"
            terms = train_step.step(batch, crops, rate, where)
            samples += crops
            step = Step(done.step, samples, rate, terms, tuple(batch.x.shape))
            done.step += 1
            done.loss_sum += step.loss * crops
            observer.step(step, plan.samples)
            if checkpointer is not None:
                checkpointer.after_step(done, train_step)
        psnr = None
        if is_validated(epoch, recipe) or done.step == plan.steps:
            learned = train_step.learned
            psnr = validate(learned, store, feed.views, feed.input_bits, compute, device, world)
            # Weights can overflow in the very last step, after its loss.
            _check_finite("validation PSNR", psnr, epoch)
            if psnr > done.psnr:
                done.state, done.epoch, done.psnr = _copy_of(learned), epoch, psnr
        rate = plan.learning_rate(done.step - 1)
        point = CurvePoint(epoch, samples, rate, done.loss_sum / (samples - before), psnr)
        done.curve.append(point)
        done.loss_sum = 0.0
        observer.epoch(point)
    if checkpointer is not None:
        checkpointer.at_end(done, train_step)
    return Trained(done.state, done.epoch, done.psnr, done.curve)


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
    input_bits: int,
    compute: Compute,
    device: torch.device,
    world: World = ALONE,
) -> float:
    """Mean PSNR in dB over the whole validation images, predictions clamped to [0, 1].

    The network sees `input_bits` of each value, the ground truth has all 16. The processes of a
    training share the images.
    """
    network.eval()
    numbers = list(store.of_split("val"))
    scores: dict[int, float] = {}
    with torch.inference_mode(), autocast(compute, device):
        for number in world.share(numbers):
            x, target = whole_scene(store, number, views, input_bits)
            x = x.to(device, memory_format=memory_format(compute))
            prediction = network(x).float().clamp(0, 1).cpu()
            error = (prediction.double() - target.double()).square().mean().item()
            scores[number] = -10 * math.log10(max(error, 1e-10))
    for found in world.gather(scores):
        scores |= found
    # In the order of the images, however they were shared: sums depend on it.
    return sum(scores[number] for number in numbers) / len(numbers)


def whole_scene(
    store: PixelStore, number: int, views: tuple[str, ...], input_bits: int = 16
) -> tuple[Tensor, Tensor]:
    """A whole stored scene: input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`, in [0, 1]."""
    scene = store.read(number)
    x = torch.cat([to_tensor(at_depth(scene[view], input_bits)) for view in views])
    return x.unsqueeze(0), to_tensor(scene["target"]).unsqueeze(0)
