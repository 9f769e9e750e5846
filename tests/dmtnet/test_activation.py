"""DMTNet's PReLU is PyTorch's, value by value and gradient by gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from dmtnet.activation import PReLU

SHAPE = (2, 5, 7, 9)


def layer(slope: float) -> PReLU:
    return PReLU(init=slope)


def values(layout: torch.memory_format) -> Tensor:
    x = torch.randn(SHAPE).to(memory_format=layout)
    x[0, 0, 0] = 0
    return x


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("slope", [0.25, 0.0, -0.5])
def test_gradients(slope: float, layout: torch.memory_format) -> None:
    own, x, grad = layer(slope), values(layout).requires_grad_(), values(layout)
    found, expected = own(x), functional.prelu(x, own.weight)
    assert torch.equal(found, expected)
    (grad_x, grad_slope), (true_x, true_slope) = (
        torch.autograd.grad(result, [x, own.weight], grad) for result in (found, expected)
    )
    assert torch.equal(grad_x, true_x)
    assert grad_slope.shape == true_slope.shape
    torch.testing.assert_close(grad_slope, true_slope)


def test_gradients_are_those_of_the_function() -> None:
    own, x = layer(0.3).double(), torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    slope = own.weight.detach().clone().requires_grad_()

    def activate(x: Tensor, slope: Tensor) -> Tensor:
        activated: Tensor = functional_call(own, {"weight": slope}, (x,))
        return activated

    assert torch.autograd.gradcheck(activate, (x, slope))


def test_a_slope_in_float32_learns_from_bfloat16() -> None:
    own, x = layer(0.25), values(torch.channels_last).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = own(x)
    assert found.dtype == torch.bfloat16
    _, slope = torch.autograd.grad(found, [x, own.weight], torch.ones_like(found))
    assert slope.dtype == torch.float32
    torch.testing.assert_close(slope, x.clamp(max=0).float().sum().view(1))


def test_without_gradients_no_memory_is_asked_for() -> None:
    own, x = layer(0.25), values(torch.contiguous_format)
    expected = functional.prelu(x, own.weight)
    with torch.inference_mode():
        found = own(x)
    assert found.data_ptr() == x.data_ptr()
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:FutureWarning")
def test_a_traced_layer_keeps_its_slope_as_a_parameter() -> None:
    own, x = layer(0.25), values(torch.contiguous_format)
    traced = torch.jit.trace(own, x)  # type: ignore[no-untyped-call]
    before = x.clone()
    traced(x)
    assert torch.equal(x, before)
    assert any("prelu" in node.kind() for node in traced.inlined_graph.nodes())
