"""A defocus map of few values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def quantize(sigma: Floats, levels: int = 33) -> Floats:
    """A map whose pixels hold the left edge of their bin.

    Known (DMENet's authors' runner): the inner edges of the bins are the quantiles of the distinct
    values at i / levels, a sorted value k (from 1) of n lying at (k - 1/2) / n; the last bin holds
    its right edge. The result is never above `sigma`. Reconstruction: a map of fewer distinct
    values than `levels` stays as it is.

    Args:
        sigma: any shape, finite.
        levels: number of bins, >= 1.

    Returns:
        An array like `sigma` of at most `levels` values.

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
