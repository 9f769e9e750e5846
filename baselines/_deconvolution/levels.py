"""Quantization of a defocus map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def quantize(sigma: Floats, levels: int = 33) -> Floats:
    """Set each pixel of a map to the left edge of its bin.

    Known (DMENet's authors' runner): the inner edges of the bins are the quantiles of the distinct
    values at i / levels, where sorted value k (from 1) of n is at (k - 1/2) / n; the last bin
    includes its right edge. The result is never above `sigma`. Reconstruction: a map with fewer
    distinct values than `levels` stays unchanged.

    Args:
        sigma: any shape, finite.
        levels: number of bins, >= 1.

    Returns:
        An array like `sigma` with at most `levels` distinct values.

    Raises:
        ValueError: `levels` is below 1.
    """
    if levels < 1:
        raise ValueError(f"a map needs at least one level, not {levels}")
    values = np.unique(sigma)
    if len(values) < levels:
        return sigma.copy()
    inner = np.quantile(values, np.arange(1, levels) / levels, method="hazen")
    left = np.concatenate([values[:1], inner])
    return left[np.searchsorted(left, sigma, side="right") - 1]
