"""What every network of any method must do: one check each.

A module may declare exceptions, each with its reason: `UNTRAINED`, a mapping from patterns of
parameter names to why they, or parts of them, get no gradient from `forward`, and `BOUNDED`, why
the published network limits its output to [0, 1]. A declaration that nothing needs is a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.methods import Method
from pipeline.weights.own_file import load_weights, save_weights

SIZES = ((33, 47), (64, 48))
VIEWS = ("left", "right", "combined")


@dataclass(frozen=True)
class Subject:
    """A method under test; `kwargs` make its network small."""

    method: Method
    kwargs: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def network(self) -> nn.Module:
        """Built once; the checks put it back as they found it."""
        return self.built(seed=0)

    def built(self, seed: int) -> nn.Module:
        """Freshly initialized, with everything constant moved off its value."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.method.build(**self.kwargs).eval()
            with torch.no_grad():
                for parameter in network.parameters():
                    # A layer that starts at zero hides all that lies behind it.
                    if parameter.numel() < 2 or parameter.std() == 0:
                        parameter.add_(0.05 * torch.randn_like(parameter))
        return network

    def random_image(self, height: int, width: int, batch: int = 1, seed: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(batch, 3 * len(self.method.views), height, width, generator=generator)


def check_declarations(subject: Subject, _: Path) -> None:
    declared = subject.method.declaration
    assert declared.views
    assert len(set(declared.views)) == len(declared.views)
    assert set(declared.views) <= set(VIEWS)
    assert declared.input_bits in (8, 16)
    for text in (declared.citation, declared.licence):
        assert text.strip()
    for reason in (declared.surrogate, declared.bounded):
        assert reason is None or reason.strip()
    for pattern, reason in declared.untrained.items():
        assert reason.strip(), pattern


@torch.no_grad()
def check_shapes(subject: Subject, _: Path) -> None:
    for height, width in SIZES:
        x = subject.random_image(height, width)
        before = x.clone()
        y = subject.network(x)
        assert y.shape == (1, 3, height, width)
        assert y.dtype == torch.float32
        assert y.isfinite().all()
        assert torch.equal(x, before), "the input was written to"


@torch.no_grad()
def check_batches(subject: Subject, _: Path) -> None:
    x = subject.random_image(33, 47, batch=2)
    # Two very different images, so that mixing them shows.
    x[1] *= 0.2
    together = subject.network(x)
    apart = torch.cat([subject.network(x[:1]), subject.network(x[1:])])
    torch.testing.assert_close(together, apart, rtol=0, atol=2e-5 * _scale(apart))


@torch.no_grad()
def check_determinism(subject: Subject, _: Path) -> None:
    x = subject.random_image(33, 47)
    assert torch.equal(subject.network(x), subject.network(x))
    again = subject.built(seed=0)
    for name, value in subject.network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


@torch.no_grad()
def check_position(subject: Subject, _: Path) -> None:
    x = subject.random_image(33, 47)
    whole = subject.network(x)
    placed = subject.network(x, origin=(0, 0), full_size=(33, 47))
    torch.testing.assert_close(placed, whole, rtol=0, atol=1e-6 * _scale(whole))
    crop = subject.network(x, origin=(16, 32), full_size=(120, 168))
    assert crop.shape == whole.shape
    assert crop.isfinite().all()


@torch.no_grad()
def check_bounds(subject: Subject, _: Path) -> None:
    x = subject.random_image(64, 48).round()  # black and white
    y = subject.network(x)
    outside = bool(((y < 0) | (y > 1)).any())
    if subject.method.declaration.bounded:
        assert not outside, "declared BOUNDED, but it leaves [0, 1]"
    else:
        assert outside, "never leaves [0, 1], and is not declared BOUNDED"


def check_bfloat16(subject: Subject, _: Path) -> None:
    # Built here, not inside: the parameters of an inference mode's network take no gradient.
    network = subject.network
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        y = network(subject.random_image(33, 47))
    assert y.shape == (1, 3, 33, 47)
    assert y.isfinite().all()


def check_gradients(subject: Subject, _: Path) -> None:
    untrained = subject.method.declaration.untrained
    # In evaluation mode: dropped paths get no gradient either.
    network = subject.network
    try:
        y = network(subject.random_image(64, 48))
        # Every pixel for itself: a loss could be flat at one of them.
        (y * (subject.random_image(64, 48, seed=2)[:, :3] - 0.5)).sum().backward()
        grads = {name: parameter.grad for name, parameter in network.named_parameters()}
    finally:
        network.zero_grad(set_to_none=True)
    excused = {name for name in grads for pattern in untrained if fnmatchcase(name, pattern)}
    still = {name for name, grad in grads.items() if grad is None or not grad.any()}
    assert not still - excused, f"no gradient: {sorted(still - excused)}"
    assert all(grad.isfinite().all() for grad in grads.values() if grad is not None)
    for pattern in untrained:
        names = [name for name in grads if fnmatchcase(name, pattern)]
        needs = [name for name in names if (grad := grads[name]) is None or not grad.all()]
        # It may be about a part that this configuration leaves out.
        assert needs or not names, f"UNTRAINED {pattern!r}: every such parameter gets its gradient"


@torch.no_grad()
def check_round_trip(subject: Subject, folder: Path) -> None:
    path, name = folder / "weights.safetensors", subject.method.name
    save_weights(path, subject.network.state_dict(), name, subject.kwargs)
    other, x = subject.built(seed=1), subject.random_image(33, 47)
    expected = subject.network(x)
    assert not torch.equal(other(x), expected), "weights make no difference"
    load_weights(path, other, name)
    assert torch.equal(other(x), expected)


def check_cost(subject: Subject, _: Path) -> None:
    network, channels = subject.network, 3 * len(subject.method.views)
    assert flops_paper(subject.built(seed=0).to("meta"), channels, 80, 112) > 0
    if not hasattr(network, "cost_basis"):
        return
    fitted, full = (flops_fvcore(network, channels, 80, 112, fit=fit) for fit in (True, False))
    assert fitted.by_operator == full.by_operator


CHECKS: dict[str, Callable[[Subject, Path], None]] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}


def _scale(values: Tensor) -> float:
    return max(1.0, float(values.abs().max()))
