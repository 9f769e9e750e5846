"""Input pairs and score of methods that are fitted without gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor

Pairs = Iterable[tuple[Tensor, Tensor]]
"""Inputs and targets of whole scenes."""


def clamped_psnr(prediction: Tensor, target: Tensor) -> float:
    """PSNR in dB of a prediction clamped to [0, 1]; 100 if it equals the target."""
    mse = float(((prediction.clamp(0, 1) - target).double() ** 2).mean())
    return 100.0 if mse == 0 else -10 * math.log10(mse)
