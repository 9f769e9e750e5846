"""Peak signal-to-noise ratio, as defined by the DPDD benchmark (DPDNet, ECCV 2020)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNIT = "dB"
HIGHER_IS_BETTER = True
_IDENTICAL_DB = 100.0


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
