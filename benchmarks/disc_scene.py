"""Scenes of two planes with the defocus of a lens: discs instead of Gaussians."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve

from baselines._deconvolution.psf import SIGMA_PER_RADIUS, disc_psf
from benchmarks.two_plane import seam, seam_map

Floats = NDArray[np.float64]


def disc_scene(
    sharp: Floats, left: float, right: float, noise: float = 0.002
) -> tuple[Floats, Floats]:
    """Same as `two_plane`, with discs of two radii.

    Args:
        sharp: `[H, W, 3]`, values in [0, 1].
        left: radius in px in the columns below `W // 2`.
        right: radius in px in the other columns.
        noise: standard deviation of the added noise.

    Returns:
        The image `[H, W, 3]`, and the map `[H, W]` of the equivalent standard deviations in px.
    """
    near, far = (convolve(sharp, disc_psf(r)[..., None], mode="reflect") for r in (left, right))
    return seam(near, far, noise), SIGMA_PER_RADIUS * seam_map(sharp, left, right)
