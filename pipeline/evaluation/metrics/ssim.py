"""Structural similarity in the variant of the DPDD benchmark (DPDNet, ECCV 2020).

The uniform 7x7 window matters: the Gaussian-weighted variant gives other values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

UNIT = ""
HIGHER_IS_BETTER = True
_WINDOW = 7


def score(prediction: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """SSIM per channel, 7x7 uniform window, sample covariance, data range 1, mean of channels.

    >>> image = np.linspace(0, 1, 8 * 8 * 3).reshape(8, 8, 3)
    >>> round(score(image, image), 3)
    1.0
    >>> round(score(1 - image, image), 3)
    -0.955

    Args:
        prediction: float64 `[H, W, 3]` in [0, 1].
        target: the ground truth, in the same format.

    Raises:
        ValueError: the image is smaller than the window.
    """
    height, width, _ = target.shape
    if min(height, width) < _WINDOW:
        raise ValueError(f"SSIM needs at least {_WINDOW}x{_WINDOW} pixels, not {height}x{width}")
    value = structural_similarity(  # type: ignore[no-untyped-call]
        target, prediction, data_range=1.0, channel_axis=-1, win_size=_WINDOW
    )
    return float(value)
