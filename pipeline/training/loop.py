"""The training loop: one readable function, and the small things it is made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from pipeline.config import Compute, Recipe
from pipeline.data.crops import at_depth, to_tensor
from pipeline.data.feed import Batch, Feed
from pipeline.data.pixels import PixelStore
from pipeline.errors import UserError
from pipeline.training.device import autocast, memory_format
from pipeline.training.loss import loss_terms, own_terms
from pipeline.training.optimizer import make_optimizer
from pipeline.training.plan import Plan


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


class Observer(Protocol):
    """Whoever wants to follow a training."""

    def step(self, step: Step, total: int) -> None:
        """After each optimizer step; `total`: crops in the whole training."""

    def epoch(self, point: CurvePoint) -> None:
        """After each epoch: its point of the curve."""


def train(
    network: nn.Module,
    store: PixelStore,
    feed: Feed,
    recipe: Recipe,
    compute: Compute,
    device: torch.device,
    observer: Observer,
) -> Trained:
    """Train `network` and keep the checkpoint with the best validation PSNR (paper 4.2).

    Args:
        network: takes `[B, 3 * views, H, W]` in [0, 1]; initialised by the caller.
        store: pixels of the training and validation splits.
        feed: the training batches.
        recipe: the training recipe.
        compute: precision and memory layout.
        device: where to train.
        observer: told of every step and epoch.

    Raises:
        UserError: the loss or the validation PSNR stops being finite.
    """
    network.to(device=device, memory_format=memory_format(compute))  # type: ignore[call-overload]
    optimizer = make_optimizer(network, recipe)
    plan = Plan.of(recipe, len(feed.windows))
    curve: list[CurvePoint] = []
    best, step = Trained({}, -1, float("-inf"), curve), 0
    for epoch in range(1, plan.epochs + 1):
        network.train()
        batches = feed.epoch(epoch)
        loss_sum, before = 0.0, plan.samples_at(step)
        while step < plan.steps and (group := list(islice(batches, recipe.accumulate))):
            rate = plan.learning_rate(step)
            optimizer.param_groups[0]["lr"] = rate
            crops = sum(len(batch.target) for batch in group)
            terms: Counter[str] = Counter()
            for batch in group:
                share = len(batch.target) / crops
                terms.update(_backward(network, batch, share, recipe, compute, device))
            if recipe.max_grad_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            shape = tuple(group[0].x.shape)
            done = Step(step - 1, plan.samples_at(step), rate, dict(terms), shape)
            _check_finite("loss", done.loss, epoch)
            loss_sum += done.loss * crops
            observer.step(done, plan.samples)
        psnr = None
        if is_validated(epoch, recipe) or step == plan.steps:
            psnr = validate(network, store, feed.views, feed.input_bits, compute, device)
            # Weights can overflow in the very last step, after its loss.
            _check_finite("validation PSNR", psnr, epoch)
            if psnr > best.psnr:
                best = Trained(_copy_of(network), epoch, psnr, curve)
        samples = plan.samples_at(step)
        curve.append(CurvePoint(epoch, samples, rate, loss_sum / (samples - before), psnr))
        observer.epoch(curve[-1])
    return best


def _backward(
    network: nn.Module,
    batch: Batch,
    share: float,
    recipe: Recipe,
    compute: Compute,
    device: torch.device,
) -> dict[str, float]:
    """Add one batch's part to the gradients; the terms of its loss."""
    with autocast(compute, device):
        outputs = run(network, batch, recipe, compute, device)
    target = batch.target.to(device, non_blocking=True)
    terms = loss_terms(outputs, target, recipe, batch.frames)
    loss = torch.stack([*terms.values()]).sum() * share
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: value.item() * share for name, value in terms.items()}


def run(
    network: nn.Module, batch: Batch, recipe: Recipe, compute: Compute, device: torch.device
) -> Mapping[str, Tensor]:
    """What the loss compares: the prediction as `output`, `[N, 3, side, side]`, and own terms."""
    x = batch.x.to(device, memory_format=memory_format(compute), non_blocking=True)
    place: dict[str, Any] = {"origin": batch.origin, "full_size": batch.full_size}
    if own_terms(recipe):
        method = cast(Any, network)
        outputs: Mapping[str, Tensor] = method.forward_training(x, batch.target.to(device))
        return outputs
    if batch.frames == 1:
        return {"output": network(x, **place)}
    clips = x.view(-1, batch.frames, *x.shape[1:])
    first = {name: value[:: batch.frames] for name, value in place.items()}
    return {"output": cast(Any, network).forward_sequence(clips, **first).flatten(0, 1)}


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
) -> float:
    """Mean PSNR in dB over the whole validation images, predictions clamped to [0, 1].

    The network sees `input_bits` of each value, the ground truth has all 16.
    """
    network.eval()
    scores = []
    with torch.inference_mode(), autocast(compute, device):
        for number in store.of_split("val"):
            x, target = whole_scene(store, number, views, input_bits)
            x = x.to(device, memory_format=memory_format(compute))
            prediction = network(x).float().clamp(0, 1).cpu()
            error = (prediction.double() - target.double()).square().mean().item()
            scores.append(-10 * math.log10(max(error, 1e-10)))
    return sum(scores) / len(scores)


def whole_scene(
    store: PixelStore, number: int, views: tuple[str, ...], input_bits: int = 16
) -> tuple[Tensor, Tensor]:
    """A whole stored scene: input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`, in [0, 1]."""
    scene = store.read(number)
    x = torch.cat([to_tensor(at_depth(scene[view], input_bits)) for view in views])
    return x.unsqueeze(0), to_tensor(scene["target"]).unsqueeze(0)
