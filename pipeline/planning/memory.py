"""Memory that a training takes on its device: the one accounting of plans and trainings.

Tensors are counted while a network runs, forward and backward, on PyTorch's meta device: at full
size and without computing anything. Memory inside single operations, such as a convolution's
workspace, is extra, and so is what the allocator holds back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.compute.activation_checkpointing import checkpoint_activations
from pipeline.compute.device import autocast, memory_format
from pipeline.compute.entry_points import training_outputs
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.steps import main_kinds
from pipeline.methods import Method
from pipeline.planning.live_bytes import LiveBytes

USABLE = 0.8
"""Share of free memory to plan with; the rest is for what is not counted. Not measured on a GPU."""

_STATE_COPIES = 4
"""Values kept per parameter: weight, gradient and the optimizer's two moments."""

# With one window autograd saves views, with several it saves copies: count sizes with several.
_SIDES = (64, 96)
META = torch.device("meta")
"""Tensors with shapes only."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class PassMemory:
    """Bytes at the peak of a pass, forward and backward, without the state.

    `fixed`, plus `per_sample` for every crop (for every clip, where there are frames).
    """

    fixed: int
    per_sample: int

    def of(self, samples: int) -> int:
        """Bytes of a pass of so many crops or clips."""
        return self.fixed + samples * self.per_sample

    def most(self, budget: int) -> int:
        """How many crops or clips fit; at least 1, even if that is too large."""
        return max(1, (budget - self.fixed) // max(1, self.per_sample))


class TrainingMemory:
    """Memory of training one method.

    Args:
        method: the method.
        kwargs: constructor arguments of the network that is trained.
        recipe: how it is trained.
        compute: precision, memory layout, checkpointing.
    """

    def __init__(
        self, method: Method, kwargs: dict[str, Any], recipe: Recipe, compute: Compute
    ) -> None:
        self.method, self.kwargs, self.recipe, self.compute = method, kwargs, recipe, compute
        self.one_pass = cache(self._one_pass)
        """Memory of a pass, by side of the crops, frames of a clip, and the most of these."""

    @cached_property
    def state(self) -> int:
        """Bytes of weights, gradients, the optimizer's moments and the moving average."""
        network = self.on_meta
        weights = sum(value.nbytes for value in network.parameters())
        buffers = sum(value.nbytes for value in network.buffers())
        averaged = self.recipe.ema is not None
        return (_STATE_COPIES + averaged) * weights + (1 + averaged) * buffers

    def crops_that_fit(self, side: int, frames: int, free: int) -> int:
        """How many crops can go through the network at once; a multiple of `frames`.

        Args:
            side: of the crops, in pixels.
            frames: consecutive crops that are one clip.
            free: bytes for the whole training, before it begins.

        Returns:
            At least one crop or clip, even if that is too large.
        """
        budget = round(USABLE * free) - self.state
        return frames * self.one_pass(side, frames, self._most_clips(frames)).most(budget)

    def fits(self, side: int, frames: int, free: int) -> bool:
        """Whether at least one crop or clip fits; arguments as of `crops_that_fit`."""
        one_pass = self.one_pass(side, frames, self._most_clips(frames))
        return self.state + one_pass.of(1) <= round(USABLE * free)

    def inference(self, height: int, width: int) -> int:
        """Bytes at the peak of a validation of one whole image, without the state; in float32."""

        def run() -> None:
            x = torch.rand(1, self._channels, height, width, device=META)
            with torch.no_grad():
                self.on_meta.eval()(x.to(memory_format=memory_format(self.compute)))

        return self._peak(run)

    @cached_property
    def on_meta(self) -> nn.Module:
        """The network that is trained, on the meta device."""
        return self._build(META)

    def _build(self, device: torch.device) -> nn.Module:
        with torch.random.fork_rng(devices=[]), device:
            network = self.method.build(**self.kwargs)
        network.to(memory_format=memory_format(self.compute))
        if self.compute.activation_checkpointing:
            checkpoint_activations(network)
        return network

    def loss(
        self,
        network: nn.Module,
        side: int,
        frames: int,
        samples: int,
        device: torch.device,
        precision: Compute | None = None,
    ) -> Tensor:
        """A forward pass as training makes it, up to a loss; means of squares stand for its terms.

        Args:
            network: what is trained, on the same device.
            side: of the crops, in pixels.
            frames: consecutive crops that are one clip.
            samples: number of crops or clips.
            device: where to compute; autocast ignores the meta device.
            precision: of autocast; `None`: float32.
        """
        crops = samples * frames
        x = torch.rand(crops, self._channels, side, side, device=device)
        target = torch.rand(crops, 3, side, side, device=device)
        own = [name for name in self.recipe.losses if name in self.method.training_terms]
        with autocast(precision, device) if precision else nullcontext():
            outputs = training_outputs(
                network.train(),
                x.to(memory_format=memory_format(self.compute)),
                target,
                frames=frames,
                own_terms=bool(own),
                origin=torch.zeros(crops, 2, dtype=torch.int64),
                full_size=torch.full((crops, 2), side),
            )
        errors = [
            nn.functional.mse_loss(outputs[name].float(), outputs.get(f"{name}_target", target))
            for name in ("output", *own)
        ]
        return torch.stack(errors).sum()

    def _one_pass(self, side: int, frames: int, most: int) -> PassMemory:
        """A pass of at most `most` samples: exact for one and for all, no less in between.

        The peak is the larger of several sums, each linear in the number of samples.
        """
        samples = max(2, most)
        try:
            one, all_of_them = (self._training_peak(side, frames, n) for n in (1, samples))
        except RuntimeError:
            # The network reads values, which the meta device does not have.
            kept = self._kept_per_pixel(frames, self.compute.precision) * side * side
            return PassMemory(self.state // _STATE_COPIES, round(kept))
        per_sample = (all_of_them - one) // (samples - 1)
        whole = PassMemory(one - per_sample, per_sample)
        if self.compute.precision == "float32":
            return whole
        # Autocast ignores the meta device, and it keeps copies of the weights.
        full = self._kept_per_pixel(frames, "float32")
        share = self._kept_per_pixel(frames, self.compute.precision) / full
        copies = self.state // _STATE_COPIES // 2
        return PassMemory(whole.fixed + copies, round(share * per_sample))

    def _kept_per_pixel(self, frames: int, precision: str) -> float:
        """Bytes kept for the backward pass, counted on small crops on the CPU."""
        network, kept = self._build(CPU), []
        compute = self.compute.model_copy(update={"precision": precision})
        for side in _SIDES:
            with _as_in_training(compute), LiveBytes(_tensors_of(network)) as live:
                # The loss holds all that its gradient needs.
                loss = self.loss(network, side, frames, 1, CPU, compute)
                kept.append(live.now)
                del loss
        areas = [side * side for side in _SIDES]
        return (kept[1] - kept[0]) / (areas[1] - areas[0])

    def _training_peak(self, side: int, frames: int, samples: int) -> int:
        def run() -> None:
            loss = self.loss(self.on_meta, side, frames, samples, META)
            loss.backward()  # type: ignore[no-untyped-call]

        return self._peak(run)

    def _peak(self, run: Callable[[], None]) -> int:
        for value in self.on_meta.parameters():
            # As after an earlier part of the batch.
            value.grad = torch.zeros_like(value) if value.requires_grad else None
        with _as_in_training(self.compute), LiveBytes(_tensors_of(self.on_meta)) as live:
            run()
        return live.peak

    def _most_clips(self, frames: int) -> int:
        kinds = [*main_kinds(self.recipe), *filter(None, [self.recipe.companion])]
        return max(kind.batch_size for kind in kinds if kind.frames == frames)

    @property
    def _channels(self) -> int:
        return 3 * len(self.method.views)


def _tensors_of(network: nn.Module) -> list[Tensor]:
    """Weights, buffers and gradients."""
    parameters = list(network.parameters())
    gradients = [value.grad for value in parameters if value.grad is not None]
    return [*parameters, *network.buffers(), *gradients]


def part_count(clips: int, frames: int, accumulate: int, most: int | None) -> int:
    """In how many parts of nearly equal size a batch goes through the network; clips stay whole.

    Args:
        clips: in the batch; crops, where `frames` is 1.
        frames: of each clip.
        accumulate: at least so many parts, as far as there are clips.
        most: crops that go through the network at once; `None`: any number.
    """
    needed = 1 if most is None else -(-clips // max(1, most // frames))
    return max(1, min(clips, max(accumulate, needed)))


@contextmanager
def _as_in_training(compute: Compute) -> Iterator[None]:
    """The settings of a training; those of this process and its random numbers stay as they are."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # PyTorch replaces some operations by others, which keep other tensors.
    torch.use_deterministic_algorithms(compute.deterministic, warn_only=True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
