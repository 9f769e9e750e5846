"""Losses, by the names that recipes use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config.recipe import Recipe
from pipeline.errors import ConfigError

Loss = Callable[[Tensor, Tensor], Tensor]
"""A scalar from prediction and ground truth, `[N, 3, H, W]`, RGB, [0, 1] scale."""

# Side and divisor of the Sobel kernels. The authors' program takes the kernels of side 3 in its
# second term too, with the divisor that is meant for 7.
_EDGES = {"edge_3": (3, 2), "edge_7": (3, 100), "edge_11": (11, 12096)}

LOSSES = ("charbonnier", "mse", "l1", *_EDGES)

FIRST_SAMPLE_ONLY = frozenset(_EDGES)
"""Terms of the first sample of a batch only; the others are means over the whole batch."""


def charbonnier(prediction: Tensor, target: Tensor, eps: float) -> Tensor:
    """Charbonnier loss: mean over all elements of sqrt(d^2 + eps^2) (paper 4.2).

    Args:
        prediction, target: `[B, 3, H, W]`, RGB, [0, 1] scale.
        eps: 1e-3 in the work the paper cites (LapSRN).

    Returns:
        A scalar.
    """
    return ((prediction - target).square() + eps * eps).sqrt().mean()


def edges(prediction: Tensor, target: Tensor, size: int, divisor: float, frames: int = 1) -> Tensor:
    """One term of RDPD's edge loss: mean squared difference of Sobel gradients, without padding.

    As in the authors' program, only the first sample of the batch enters, with all its frames, and
    the gradients across and down are weighted by 0.03 and 0.02.

    Args:
        prediction, target: `[N, 3, H, W]`, RGB, [0, 1] scale.
        size: side of the Sobel kernels.
        divisor: what both are divided by.
        frames: how many images the first sample has.
    """
    kernels = _sobel_pairs(size, divisor).to(prediction)
    return functional.mse_loss(
        functional.conv2d(prediction[:frames], kernels, groups=3),
        functional.conv2d(target[:frames], kernels, groups=3),
    )


@cache
def _sobel_pairs(size: int, divisor: float) -> Tensor:
    """`[6, 1, size, size]`: for each of three channels the kernels across and down."""
    derivative, smooth = (kernel.ravel() for kernel in cv2.getDerivKernels(1, 0, size))
    across = np.outer(smooth, derivative) / divisor
    pair = np.stack([0.03 * across, 0.02 * across.T])
    return torch.from_numpy(np.tile(pair[:, None], (3, 1, 1, 1))).float()


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
            known = ", ".join(dict.fromkeys([*LOSSES, *provided]))
            raise ConfigError(f"losses: unknown term {name!r}; known: {known}")


def loss_terms(
    outputs: Mapping[str, Tensor], target: Tensor, recipe: Recipe, frames: int = 1
) -> dict[str, Tensor]:
    """The terms of the recipe's loss, each times its weight; the loss is their sum.

    Args:
        outputs: `output`, the prediction `[N, 3, H, W]`; and for each term of the method's own,
            what its mean squared error compares, under the term's name and that with `_target`.
        target: ground truth `[N, 3, H, W]`, RGB in [0, 1].
        recipe: names and weights of the terms.
        frames: consecutive images that belong to one sample.
    """
    losses: dict[str, Loss] = {
        "charbonnier": partial(charbonnier, eps=recipe.charbonnier_eps),
        "mse": functional.mse_loss,
        "l1": functional.l1_loss,
        **{
            name: partial(edges, size=size, divisor=divisor, frames=frames)
            for name, (size, divisor) in _EDGES.items()
        },
    }
    terms = {}
    for name, weight in recipe.losses.items():
        if name in losses:
            terms[name] = weight * losses[name](outputs["output"].float(), target)
        else:
            pair = (outputs[name].float(), outputs[f"{name}_target"].float())
            terms[name] = weight * functional.mse_loss(*pair)
    return terms
