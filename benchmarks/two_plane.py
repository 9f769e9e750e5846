"""Scenes of two planes with known defocus: one blur in the left half, another in the right.

A lens does not produce a seam without mixing, but the seam makes the true map unambiguous. The
blur acts on encoded values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

Floats = NDArray[np.float64]

_VORONOI_SIDE = 512
_VORONOI_SITES = 200
# Beyond it, a Gaussian is below the rounding error of its peak.
_TRUNCATE = 8.5


def two_plane(
    sharp: Floats, left: float, right: float, noise: float = 0.002
) -> tuple[Floats, Floats]:
    """Blur the halves of a sharp image by two amounts.

    Args:
        sharp: `[H, W, 3]`, values in [0, 1].
        left: standard deviation in px of the Gaussian of the columns below `W // 2`.
        right: the same for the other columns.
        noise: standard deviation of the added noise; its generator has a fixed seed.

    Returns:
        The image `[H, W, 3]` in [0, 1], and the map `[H, W]` in px.
    """
    near = gaussian_filter(sharp, (left, left, 0), truncate=_TRUNCATE)
    far = gaussian_filter(sharp, (right, right, 0), truncate=_TRUNCATE)
    return seam(near, far, noise), seam_map(sharp, left, right)


def seam(left: Floats, right: Floats, noise: float) -> Floats:
    """Left half of one image, right half of another, with noise, clipped to [0, 1]."""
    image = left.copy()
    image[:, left.shape[1] // 2 :] = right[:, left.shape[1] // 2 :]
    image += noise * np.random.RandomState(0).standard_normal(image.shape)
    return np.clip(image, 0, 1)


def seam_map(sharp: Floats, left: float, right: float) -> Floats:
    """`[H, W]`: `left` in the columns below `W // 2`, else `right`."""
    height, width = sharp.shape[:2]
    return np.tile(np.where(np.arange(width) < width // 2, left, right), (height, 1))


def voronoi() -> Floats:
    """200 flat cells of random colors, `[512, 512, 3]` in [0, 1]; every edge is a perfect step."""
    # The legacy generator: the published figures depend on its numbers.
    random = np.random.RandomState(0)
    sites = random.random_sample((_VORONOI_SITES, 2)) * _VORONOI_SIDE
    colors = random.random_sample((_VORONOI_SITES, 3))
    pixels = np.moveaxis(np.indices((_VORONOI_SIDE, _VORONOI_SIDE)), 0, -1)
    nearest = KDTree(sites).query(pixels)[1]
    return colors[nearest]
