"""Peak signal-to-noise ratio, as defined by the DPDD benchmark (DPDNet, ECCV 2020)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

UNIT = "dB"
HIGHER_IS_BETTER = True
_IDENTICAL_DB = 100.0
_FLOOR_MSE = 1e-10
"""Mean squared error of 100 dB: the least that `psnr_from_mse` tells apart."""


def score(prediction: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """PSNR with peak 1 and the MSE over all pixels and channels: `10 log10(1 / MSE)`.

    >>> black = np.zeros((8, 8, 3))
    >>> round(score(black + 0.1, black), 2)
    20.0
    >>> score(black, black)
    100.0

    Args:
        prediction: float64 `[H, W, 3]` in [0, 1].
        target: the ground truth, in the same format.

    Returns:
        Decibels; 100 for identical images, as in the benchmark's own code.
    """
    mse = float(np.mean((target - prediction) ** 2))
    return _IDENTICAL_DB if mse == 0 else float(10 * np.log10(1 / mse))


def psnr_from_mse(mse: float) -> float:
    """PSNR in dB with peak 1 of a mean squared error, as trainings report it: at most 100 dB.

    `score` gives 100 dB to identical images only and more to smaller errors than `_FLOOR_MSE`. Here
    the floor keeps every value comparable: of two trainings that both reach it, neither is better
    by rounding errors. The two expressions round differently, so neither is written by the other:
    published digits rest on both.

    Args:
        mse: over all pixels and channels, values in [0, 1]; not a number gives not a number.
    """
    return -10 * math.log10(max(mse, _FLOOR_MSE))
