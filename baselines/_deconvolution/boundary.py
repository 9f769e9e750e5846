"""Borders of an image that is deconvolved as if it were periodic.

Known (DMENet's authors' runner): edges replicated by half the kernel side, then four rounds of edge
tapering. Reconstruction: the taper's weights, following MATLAB's documentation, and more padding,
on the right and at the bottom, up to sizes with fast transforms.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from baselines._deconvolution.psf import transfer_function

Floats = NDArray[np.floating]

_TAPERS = 4


def pad_edges(image: Floats, psf: Floats) -> Floats:
    """Pad an image with replicated edges, by at least half the kernel side.

    Args:
        image: `[H, W]`.
        psf: `[K, K]`, K odd.

    Returns:
        An array whose sides have fast real transforms; `image` starts at `[K // 2, K // 2]`.
    """
    half = psf.shape[0] // 2
    sides = [scipy.fft.next_fast_len(side + 2 * half, real=True) for side in image.shape]
    behind = [long - side - half for long, side in zip(sides, image.shape, strict=True)]
    return np.pad(image, [(half, rest) for rest in behind], mode="edge")


def taper_edges(image: Floats, psf: Floats) -> Floats:
    """Blur an image progressively toward its border, as if it were periodic.

    Args:
        image: `[H, W]`, with sides longer than the kernel's.
        psf: `[K, K]`, K odd, sum 1.

    Returns:
        An array like `image`, within its range, equal to it except in a band of width K - 1.
    """
    low, high = image.min(), image.max()
    psf = psf.astype(image.dtype)
    transfer = transfer_function(psf, image.shape)
    rows = 1 - _autocorrelation(psf.sum(axis=1), image.shape[0])
    columns = 1 - _autocorrelation(psf.sum(axis=0), image.shape[1])
    weight = np.outer(rows, columns)
    for _ in range(_TAPERS):
        blurred = scipy.fft.irfft2(scipy.fft.rfft2(image) * transfer, image.shape)
        image = np.clip(blurred + weight * (image - blurred), low, high)
    return image


def _autocorrelation(profile: Floats, side: int) -> Floats:
    """Circular autocorrelation of a kernel's profile, 1 at both ends of the side."""
    period = side - 1
    spectrum = scipy.fft.rfft(profile, period)
    circle = scipy.fft.irfft(np.abs(spectrum) ** 2, period)
    return np.append(circle, circle[0]) / circle.max()
