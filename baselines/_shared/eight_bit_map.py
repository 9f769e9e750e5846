"""Defocus maps as eight-bit images, the form in which published pipelines store them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def through_eight_bits(sigma: NDArray[np.float64], full_scale: float) -> NDArray[np.float64]:
    """Round a map as if stored in eight bits, as `round(255 * sigma / full_scale)`.

    Args:
        sigma: defocus map in pixels, any shape; values above `full_scale` or below 0 are clipped.
        full_scale: sigma, in pixels, of gray level 255.

    Returns:
        float64, the shape of `sigma`; multiples of `full_scale / 255`.

    Raises:
        ValueError: `full_scale` is not above 0, or the map holds non-finite values.
    """
    if not full_scale > 0:
        raise ValueError(f"full_scale must be above 0, not {full_scale}")
    if not np.isfinite(sigma).all():
        raise ValueError("the map holds non-finite values; eight bits cannot store them")
    # Round half up; np.rint rounds half to even.
    levels = np.floor(255 * np.clip(sigma / full_scale, 0, 1) + 0.5)
    return np.asarray(levels * full_scale / 255, np.float64)
