"""Kernels of defocus blur, and their transfer functions."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SIGMA_PER_RADIUS = 0.545
"""Standard deviation of the Gaussian that resembles a disc of radius 1 (measured)."""

_CANVAS = 101
_EPSILON = np.finfo(np.float64).eps
# Far below the smallest sigma whose kernel has more than one value; avoids a division by 0.
_SHARP = 0.1
_SUBPIXELS = 21


def gaussian_psf(sigma: float) -> Floats:
    """Isotropic Gaussian, sampled at pixel centers.

    Known (DMENet's authors' runner): a canvas of 101 x 101, with values below machine epsilon times
    the peak set to 0, sum 1, cropped to its nonzero values. The side is therefore 17 for sigma 1,
    85 for 5, and 101 from 6 on, where the canvas starts to truncate the Gaussian.

    Args:
        sigma: standard deviation in px, >= 0.

    Returns:
        Float64 `[K, K]`, K odd; `[[1]]` if all neighbors of the center are 0 (sigma < 0.118).

    Raises:
        ValueError: `sigma` is negative or not finite.
    """
    _check("sigma", sigma)
    if sigma < _SHARP:
        return np.ones((1, 1))
    offsets = np.arange(_CANVAS) - _CANVAS // 2
    squares = np.add.outer(offsets**2, offsets**2)
    kernel = np.exp(-squares / (2 * sigma**2))
    kernel[kernel < _EPSILON] = 0
    half = int(offsets[kernel.any(axis=0)].max())
    inside = slice(_CANVAS // 2 - half, _CANVAS // 2 + half + 1)
    return kernel[inside, inside] / kernel.sum()


def disc_psf(radius: float) -> Floats:
    """Uniform disc: each pixel holds the share of its 21 x 21 subpixels in the disc; sum 1.

    Reconstruction: the published rows used Gaussians; discs are what a lens makes.

    Args:
        radius: in px, >= 0.

    Returns:
        Float64 `[K, K]`, K = 2 ceil(radius + 1/2) + 1.

    Raises:
        ValueError: `radius` is negative or not finite.
    """
    _check("radius", radius)
    side = 2 * math.ceil(radius + 0.5) + 1
    offsets = (np.arange(side * _SUBPIXELS) - side * _SUBPIXELS // 2) / _SUBPIXELS
    inside = np.add.outer(offsets**2, offsets**2) <= radius**2
    counts = inside.reshape(side, _SUBPIXELS, side, _SUBPIXELS).sum(axis=(1, 3))
    return counts / counts.sum()


def transfer_function(psf: Floats, size: tuple[int, int]) -> NDArray[np.complexfloating]:
    """Half spectrum (as from `rfft2`) of a kernel whose center is at pixel (0, 0).

    Args:
        psf: `[K, K]`, K odd and no larger than either side of `size`.
        size: height and width of the periodic image.

    Returns:
        Complex `[height, width // 2 + 1]`, in the precision of `psf`.
    """
    canvas = np.zeros(size, psf.dtype)
    canvas[: psf.shape[0], : psf.shape[1]] = psf
    centered = np.roll(canvas, [-(side // 2) for side in psf.shape], axis=(0, 1))
    return scipy.fft.rfft2(centered)


def _check(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be finite and not negative, not {value}")
