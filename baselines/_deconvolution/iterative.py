"""Two simpler solvers, from scikit-image: Richardson-Lucy and Wiener."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage import restoration

from baselines._deconvolution.boundary import pad_edges, taper_edges

Floats = NDArray[np.floating]

# Predictions below this, in dark images, are not divided by.
_EPSILON = 1e-6


@dataclass(frozen=True)
class RichardsonLucy:
    """Multiplicative updates with a known kernel, starting from a constant 0.5.

    Fish et al., 'Blind deconvolution by means of the Richardson-Lucy algorithm', JOSA A 1995,
    alternate updates of image and kernel; here the kernel is known. Reconstruction: the number of
    iterations behind the published rows is not known.

    Args:
        num_iter: number of iterations: 10 for estimated maps, 30 for exact ones.

    Raises:
        ValueError: `num_iter` is below 1.
    """

    num_iter: int = 10

    def __post_init__(self) -> None:
        if self.num_iter < 1:
            raise ValueError(f"num_iter must be at least 1, not {self.num_iter}")

    def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
        """Sharp estimate of channels `[C, H, W]` with one blur `[K, K]`, not clipped.

        The border is mirrored by half the kernel side; the library's own border is black.
        """
        half = psf.shape[0] // 2
        sharp = np.empty_like(channels)
        for x, y in zip(sharp, channels, strict=True):
            padded = np.pad(y, half, mode="symmetric")
            whole = restoration.richardson_lucy(  # type: ignore[no-untyped-call]
                padded, psf, self.num_iter, clip=False, filter_epsilon=_EPSILON
            )
            x[:] = whole[half : half + x.shape[0], half : half + x.shape[1]]
        return sharp


@dataclass(frozen=True)
class Wiener:
    """conj(K) Y / (|K|^2 + balance): a control without a prior; not a published row.

    Args:
        balance: ratio of noise to signal.

    Raises:
        ValueError: `balance` is not positive.
    """

    balance: float = 1e-3

    def __post_init__(self) -> None:
        if not self.balance > 0:
            raise ValueError(f"balance must be positive, not {self.balance}")

    def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
        """Sharp estimate of channels `[C, H, W]` with one blur `[K, K]`, not clipped."""
        half = psf.shape[0] // 2
        height, width = channels.shape[1:]
        sharp = np.empty_like(channels)
        # An impulse as regularizer weights all frequencies equally, unlike the library's default.
        alike = np.ones((1, 1))
        for x, y in zip(sharp, channels, strict=True):
            padded = taper_edges(pad_edges(y, psf), psf)
            whole = restoration.wiener(  # type: ignore[no-untyped-call]
                padded, psf, self.balance, reg=alike, clip=False
            )
            x[:] = whole[half : half + height, half : half + width]
        return sharp
