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
from pipeline.evaluation.metrics.psnr import psnr_from_mse
from pipeline.training.random_streams import begin_stream
from pipeline.training.schedule import TrainingSchedule
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
    """What training leaves: the best weights, when they were reached, and the whole curve.

    `learned`: the named numbers that a fit without gradients comes down to.
    """

    state: dict[str, Tensor]
    epoch: int
    psnr: float
    curve: list[CurvePoint]
    learned: dict[str, float] = field(default_factory=dict)


@dataclass
class TrainState:
    """How far a training is; with its `TrainStep`, all that it needs to resume.

    `step`: optimizer steps taken. `loss_sum`: loss times crops over the current epoch.
    `best_state`, `best_epoch`, `best_psnr`: the best weights so far, as in `Trained`.
    """

    step: int = 0
    loss_sum: float = 0.0
    best_state: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = -1
    best_psnr: float = -math.inf
    curve: list[CurvePoint] = field(default_factory=list)


class Observer(Protocol):
    """Follows a training."""

    def step(self, step: Step, total: int) -> None:
        """After each optimizer step; `total`: crops in the whole training."""

    def epoch(self, point: CurvePoint) -> None:
        """After each epoch: its point of the curve."""


class NullObserver:
    """An observer that does nothing."""

    def step(self, step: Step, total: int) -> None:
        """See `Observer`."""

    def epoch(self, point: CurvePoint) -> None:
        """See `Observer`."""


class Checkpointer(Protocol):
    """Saves and restores the state of a training, so that it can be interrupted."""

    def restore(self, train_step: TrainStep) -> TrainState:
        """Restore `train_step` to where an earlier run of the same training stopped."""

    def after_step(self, state: TrainState, train_step: TrainStep) -> None:
        """May save, and may raise to end the run here."""

    def at_end(self, state: TrainState, train_step: TrainStep) -> None:
        """After the last epoch."""


def train(
    train_step: TrainStep,
    *,
    store: PixelStore,
    loader: CropLoader,
    observer: Observer,
    checkpointer: Checkpointer | None = None,
) -> Trained:
    """Train a network and keep the weights with the best validation PSNR (paper 4.2).

    For each epoch: its optimizer steps; the validation, if one is due; its point of the curve.

    Args:
        train_step: the network, freshly initialized, and how it takes its steps.
        store: pixels of the validation split.
        loader: the training batches, this process's part of each.
        observer: called after every step and epoch.
        checkpointer: restores and saves the state of the training.

    Raises:
        UserError: the loss, a gradient or the validation PSNR stops being finite.
    """
    network, recipe = train_step.network, train_step.recipe
    schedule = TrainingSchedule(recipe, len(loader.windows))
    begin_stream(train_step.world.rank)
    state = TrainState() if checkpointer is None else checkpointer.restore(train_step)
    for epoch in range(len(state.curve) + 1, schedule.epochs + 1):
        # The steps that are left of this epoch.
        network.train()
        first = (epoch - 1) * schedule.steps_per_epoch
        last = min(first + schedule.steps_per_epoch, schedule.steps)
        before, samples = schedule.samples_at(first), schedule.samples_at(state.step)
        for batch in islice(loader.epoch(epoch, state.step - first), last - state.step):
            crops, rate = schedule.crops_of(state.step), schedule.learning_rate(state.step)
            where = f"epoch {epoch}, step {state.step}"
            terms = train_step.step(batch, crops, rate, where)
            samples += crops
            step = Step(state.step, samples, rate, terms, tuple(batch.x.shape))
            state.step += 1
            state.loss_sum += step.loss * crops
            observer.step(step, schedule.samples)
            if checkpointer is not None:
                checkpointer.after_step(state, train_step)
        # The validation, and the weights if they are the best so far.
        psnr = None
        if is_validated(epoch, recipe) or state.step == schedule.steps:
            learned = train_step.learned
            psnr = validate(
                learned,
                store=store,
                views=loader.views,
                input_bits=loader.input_bits,
                compute=train_step.compute,
                device=train_step.device,
                world=train_step.world,
            )
            # Weights can overflow in the very last step, after its loss.
            _check_finite("validation PSNR", psnr, epoch)
            if psnr > state.best_psnr:
                state.best_state, state.best_epoch = _copy_of(learned), epoch
                state.best_psnr = psnr
        # The epoch's point of the curve.
        rate = schedule.learning_rate(state.step - 1)
        point = CurvePoint(epoch, samples, rate, state.loss_sum / (samples - before), psnr)
        state.curve.append(point)
        state.loss_sum = 0.0
        observer.epoch(point)
    if checkpointer is not None:
        checkpointer.at_end(state, train_step)
    return Trained(state.best_state, state.best_epoch, state.best_psnr, state.curve)


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
    *,
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
            scores[number] = psnr_from_mse(error)
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
