"""Mean absolute error, as defined by the DPDD benchmark (DPDNet, ECCV 2020)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNIT = ""
HIGHER_IS_BETTER = False


def score(prediction: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Mean absolute difference over all pixels and channels, on the [0, 1] scale.

    >>> score(np.full((8, 8, 3), 0.25), np.zeros((8, 8, 3)))
    0.25

    Args:
        prediction: float64 `[H, W, 3]` in [0, 1].
        target: the ground truth, in the same format.
    """
    return float(np.mean(np.abs(target - prediction)))
