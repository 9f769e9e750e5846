from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from support.miniatures import recipe

from pipeline.errors import ConfigError
from pipeline.training.loss import charbonnier, check_terms, loss_terms, own_terms


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


def images(count: int = 2, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    both = torch.rand(2, count, 3, side, side, generator=generator)
    return both[0], both[1]


def test_a_recipe_names_and_weights_its_terms() -> None:
    prediction, target = images()
    plan = recipe(losses={"mse": 2.0, "l1": 0.5, "charbonnier": 1.0}, charbonnier_eps=0.3)
    terms = loss_terms({"output": prediction}, target, plan)
    difference = prediction - target
    assert terms["mse"].item() == pytest.approx(2 * difference.square().mean().item())
    assert terms["l1"].item() == pytest.approx(0.5 * difference.abs().mean().item())
    assert terms["charbonnier"].item() == charbonnier(prediction, target, 0.3).item()


def test_terms_of_the_methods_own_are_mean_squared_errors() -> None:
    prediction, target = images()
    plan = recipe(losses={"mse": 1.0, "reblurred": 3.0})
    outputs = {"output": target, "reblurred": prediction, "reblurred_target": target}
    terms = loss_terms(outputs, target, plan)
    assert own_terms(plan) == ["reblurred"]
    assert terms["mse"].item() == 0
    expected = 3 * (prediction - target).square().mean().item()
    assert terms["reblurred"].item() == pytest.approx(expected)


def test_a_term_that_nobody_provides_is_refused() -> None:
    plan = recipe(losses={"mse": 1.0, "perceptual": 0.1})
    check_terms(plan, ("perceptual",))
    with pytest.raises(ConfigError, match=r"unknown term 'perceptual'; known: .*edge_11, warped$"):
        check_terms(plan, ("warped",))


@pytest.mark.parametrize(
    ("name", "size", "divisor"), [("edge_3", 3, 2), ("edge_7", 3, 100), ("edge_11", 11, 12096)]
)
def test_edge_terms_are_those_of_opencvs_sobel(name: str, size: int, divisor: float) -> None:
    prediction, target = images()
    terms = loss_terms({"output": prediction}, target, recipe(losses={name: 1.0}))
    first = (prediction - target)[0].numpy().astype(np.float64).transpose(1, 2, 0)
    margin = size // 2
    inner = slice(margin, -margin)
    gradients = [
        weight * cv2.Sobel(first, cv2.CV_64F, *order, ksize=size)[inner, inner] / divisor
        for weight, order in ((0.03, (1, 0)), (0.02, (0, 1)))
    ]
    assert terms[name].item() == pytest.approx(np.mean(np.square(gradients)), rel=1e-5)


def test_edge_terms_see_the_first_sample_with_all_its_frames() -> None:
    prediction, target = images(count=4)
    plan = recipe(losses={"edge_3": 1.0})
    both = loss_terms({"output": prediction}, target, plan, frames=2)["edge_3"].item()
    alone = loss_terms({"output": prediction[:2]}, target[:2], plan, frames=2)["edge_3"].item()
    assert both == alone
    assert both != loss_terms({"output": prediction}, target, plan, frames=1)["edge_3"].item()
