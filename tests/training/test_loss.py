from __future__ import annotations

import pytest
import torch

from pipeline.training.loss import LOSSES, charbonnier


def test_charbonnier_by_hand() -> None:
    target = torch.zeros(1, 3, 1, 1)
    prediction = torch.tensor([0.3, -0.4, 0.0]).view(1, 3, 1, 1)
    # sqrt(0.09 + 0.16) = 0.5, sqrt(0.16 + 0.16) = 0.4 sqrt 2, sqrt(0.16) = 0.4.
    expected = (0.5 + 0.4 * 2**0.5 + 0.4) / 3
    assert charbonnier(prediction, target, 0.4).item() == pytest.approx(expected, rel=1e-6)


def test_a_perfect_prediction_costs_eps_and_has_a_gradient() -> None:
    target = torch.rand(2, 3, 4, 4)
    prediction = target.clone().requires_grad_()
    loss = charbonnier(prediction, target, 1e-3)
    loss.backward()
    assert loss.item() == pytest.approx(1e-3)
    assert torch.equal(prediction.grad, torch.zeros_like(target))


def test_the_gradient_is_bounded_by_that_of_l1() -> None:
    prediction = torch.tensor([[5.0, -0.0005]], requires_grad=True)
    charbonnier(prediction, torch.zeros(1, 2), 1e-3).backward()
    far, near = prediction.grad[0].tolist()
    assert far == pytest.approx(0.5, rel=1e-5)
    assert near == pytest.approx(-0.5 * 0.5 / 1.25**0.5, rel=1e-4)


def test_recipes_find_it_by_name() -> None:
    assert {"charbonnier": charbonnier} == LOSSES
