"""Propagation from counts at textured pixels to a complete map.

Known: guide, mask, erosion and the two filters. Reconstruction: the border of the erosion, the
filling of holes, and the second filter, a joint bilateral filter in the authors' program.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter

from baselines._shared.domain_transform import recursive_filter
from baselines.jnb.feature import PATCH
from baselines.jnb.omp import Integers

Floats = NDArray[np.float64]

# Threshold on the filtered mask; below it, no textured pixel is near.
MIN_SUPPORT = 1e-3

_BEFORE, _AFTER = PATCH // 2 - 1, PATCH // 2
_NUM_ITER = 3
# A disc of 13 pixels.
_DISC = np.hypot(*np.ogrid[-2:3, -2:3]) <= 2


def guide_of(gray: Floats) -> Floats:
    """The image `[H, W]` in [0, 255] at the patch centers: `[H - 7, W - 7]` in [0, 1], smoothed."""
    centers = gray[_BEFORE:-_AFTER, _BEFORE:-_AFTER] / 255
    return np.asarray(gaussian_filter(centers, 1, mode="constant", radius=2), np.float64)


def propagate(
    counts: Integers, guide: Floats, *, mask_threshold: int | None = 3, joint_filter: bool = False
) -> tuple[Floats, Floats]:
    """Spread the counts of textured pixels along the image's regions.

    Args:
        counts: `[h, w]`.
        guide: `[h, w]`, in [0, 1].
        mask_threshold: use only counts above it that are at least 2 px inside their region; None
            uses all counts and filters less.
        joint_filter: smooth the result once more along the guide.

    Returns:
        The propagated counts `[h, w]` and their support `[h, w]`, the filtered mask. Where the
        support is at most `MIN_SUPPORT`, the count is the median of the others; 0 if there are
        none.
    """
    if mask_threshold is None:
        support = np.ones(guide.shape)
        feature = recursive_filter(
            counts.astype(np.float64), guide, sigma_s=10, sigma_r=0.2, num_iter=_NUM_ITER
        )
    else:
        # Pixels outside the image are not known to lack texture.
        mask = binary_erosion(counts > mask_threshold, _DISC, border_value=1)
        data = np.stack((counts * mask, mask), axis=2).astype(np.float64)
        spread = recursive_filter(data, guide, sigma_s=15, sigma_r=0.15, num_iter=_NUM_ITER)
        support = spread[..., 1]
        feature = _filled(spread[..., 0], support)
    if joint_filter:
        feature = recursive_filter(feature, guide, sigma_s=5, sigma_r=0.1, num_iter=_NUM_ITER)
    return feature, support


def pad_back(feature: Floats) -> Floats:
    """`[H - 7, W - 7]` to `[H, W]` by repeating the edge: 3 px before and 4 px after."""
    return np.pad(feature, (_BEFORE, _AFTER), mode="edge")


def _filled(spread: Floats, support: Floats) -> Floats:
    known = support > MIN_SUPPORT
    feature = np.zeros(spread.shape)
    np.divide(spread, support, out=feature, where=known)
    if known.any():
        feature[~known] = np.median(feature[known])
    return feature
