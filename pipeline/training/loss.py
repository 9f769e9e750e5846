"""Losses."""

from __future__ import annotations

from torch import Tensor


def charbonnier(prediction: Tensor, target: Tensor, eps: float) -> Tensor:
    """Charbonnier loss: mean over all elements of sqrt(d^2 + eps^2) (paper 4.2).

    Args:
        prediction, target: `[B, 3, H, W]`, RGB, [0, 1] scale.
        eps: 1e-3 in the work the paper cites (LapSRN).

    Returns:
        A scalar.
    """
    return ((prediction - target).square() + eps * eps).sqrt().mean()


LOSSES = {"charbonnier": charbonnier}
