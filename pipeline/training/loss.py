"""Losses that compare prediction and ground truth, by the names that recipes use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config import Recipe
from pipeline.errors import ConfigError


class Loss(Protocol):
    """Compares predictions with ground truth."""

    def __call__(self, prediction: Tensor, target: Tensor, recipe: Recipe, frames: int) -> Tensor:
        """A scalar from two tensors `[N, 3, H, W]`, RGB, [0, 1] scale.

        `frames` of them in a row belong to one sample.
        """


def charbonnier(prediction: Tensor, target: Tensor, recipe: Recipe, frames: int = 1) -> Tensor:
    """Mean over all elements of sqrt(d^2 + eps^2) (DMTNet 4.2), eps: `charbonnier_eps`."""
    return ((prediction - target).square() + recipe.charbonnier_eps**2).sqrt().mean()


def mse(prediction: Tensor, target: Tensor, recipe: Recipe, frames: int = 1) -> Tensor:
    """Mean squared error (DPDNet, RDPD, IFAN)."""
    return functional.mse_loss(prediction, target)


def l1(prediction: Tensor, target: Tensor, recipe: Recipe, frames: int = 1) -> Tensor:
    """Mean absolute error (Restormer)."""
    return functional.l1_loss(prediction, target)


class SobelEdges:
    """One term of RDPD's edge loss: mean squared difference of Sobel gradients, without padding.

    As in the authors' program, only the first sample of a batch enters, with all its frames.

    Args:
        size: side of the Sobel kernels.
        divisor: what both are divided by.
    """

    def __init__(self, size: int, divisor: float) -> None:
        derivative, smooth = (kernel.ravel() for kernel in cv2.getDerivKernels(1, 0, size))
        across = np.outer(smooth, derivative) / divisor
        pair = np.stack([0.03 * across, 0.02 * across.T])
        self.kernels = torch.from_numpy(np.tile(pair[:, None], (3, 1, 1, 1))).float()

    def __call__(
        self, prediction: Tensor, target: Tensor, recipe: Recipe, frames: int = 1
    ) -> Tensor:
        """The term; arguments as for every `Loss`."""
        kernels = self.kernels.to(prediction)
        return functional.mse_loss(
            functional.conv2d(prediction[:frames], kernels, groups=3),
            functional.conv2d(target[:frames], kernels, groups=3),
        )


LOSSES: Mapping[str, Loss] = {
    "charbonnier": charbonnier,
    "mse": mse,
    "l1": l1,
    "edge_3": SobelEdges(3, 2),
    # The authors' program uses the kernels of side 3 here too, with the divisor meant for 7.
    "edge_7": SobelEdges(3, 100),
    "edge_11": SobelEdges(11, 12096),
}


def own_terms(recipe: Recipe) -> list[str]:
    """Loss terms of the recipe that the method itself has to provide."""
    return [name for name in recipe.losses if name not in LOSSES]


def check_terms(recipe: Recipe, provided: tuple[str, ...]) -> None:
    """Make sure that every loss term is known.

    Args:
        recipe: the training recipe.
        provided: what the method's `forward_training` returns, its `TRAINING_TERMS`.

    Raises:
        ConfigError: there is no such term.
    """
    for name in own_terms(recipe):
        if name not in provided:
            known = ", ".join([*LOSSES, *provided])
            raise ConfigError(f"losses names unknown term {name!r}; known: {known}")


def loss_terms(
    outputs: Mapping[str, Tensor], target: Tensor, recipe: Recipe, frames: int
) -> dict[str, Tensor]:
    """The terms of the recipe's loss, each times its weight; the loss is their sum.

    Args:
        outputs: `output`, the prediction `[N, 3, H, W]`; and for each term of the method's own,
            what it compares, under the term's name and that with `_target`, by the mean squared
            error.
        target: ground truth `[N, 3, H, W]`, RGB in [0, 1].
        recipe: names and weights of the terms.
        frames: consecutive pictures that belong to one sample.
    """
    terms = {}
    for name, weight in recipe.losses.items():
        if name in LOSSES:
            value = LOSSES[name](outputs["output"].float(), target, recipe, frames)
        else:
            value = functional.mse_loss(outputs[name].float(), outputs[f"{name}_target"].float())
        terms[name] = weight * value
    return terms
