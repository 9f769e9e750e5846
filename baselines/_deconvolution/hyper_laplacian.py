"""Deconvolution with a hyper-Laplacian prior on the gradients (Krishnan and Fergus, NIPS 2009).

Half-quadratic splitting minimizes the sum over the image of
lambda/2 |k * x - y|^2 + |D_x x|^alpha + |D_y x|^alpha, with one alternation at each of six weights
beta.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from baselines._deconvolution.boundary import pad_edges, taper_edges
from baselines._deconvolution.psf import transfer_function
from baselines._deconvolution.shrinkage import shrink

Floats = NDArray[np.floating]

# Known: 1, multiplied by 2 sqrt(2) while below 256 (section 4).
BETAS = tuple(8 ** (0.5 * k) for k in range(6))


@dataclass(frozen=True)
class HyperLaplacian:
    """Settings of the deconvolution; the defaults are those of DMENet's authors for DPDD (known).

    Args:
        lam: weight lambda of the data term, for values in [0, 1]; larger is sharper and noisier.
        alpha: exponent of the prior.

    Raises:
        ValueError: a setting is not positive.
    """

    lam: float = 16.8
    alpha: float = 1.5

    def __post_init__(self) -> None:
        if not (self.lam > 0 and self.alpha > 0):
            raise ValueError(f"lam and alpha must be positive, not {self.lam} and {self.alpha}")

    def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
        """Sharp estimate of channels `[C, H, W]` with one blur `[K, K]`, not clipped.

        Edges are replicated and tapered. Computes in the precision of `channels`.
        """
        half = psf.shape[0] // 2
        height, width = channels.shape[1:]
        padded = np.stack([taper_edges(pad_edges(y, psf), psf) for y in channels])
        sharp = solve_periodic(padded, psf, self.lam, self.alpha)
        return sharp[:, half : half + height, half : half + width]


def solve_periodic(channels: Floats, psf: Floats, lam: float, alpha: float) -> Floats:
    """The half-quadratic iterations on periodic channels.

    Args:
        channels: `[C, H, W]`, blurred; the computation has their precision.
        psf: `[K, K]`, K odd and no larger than H and W, sum 1.
        lam: weight of the data term.
        alpha: exponent of the prior.

    Returns:
        An array like `channels`, not clipped.
    """
    size = channels.shape[1:]
    transfer = transfer_function(psf.astype(channels.dtype), size)
    power = np.abs(transfer) ** 2
    gradients = _gradient_power(size).astype(channels.dtype)
    inverses = [1 / (power + beta / lam * gradients) for beta in BETAS]
    sharp = np.empty_like(channels)
    for x, y in zip(sharp, channels, strict=True):
        data = np.conj(transfer) * scipy.fft.rfft2(y)
        x[:] = y
        for beta, inverse in zip(BETAS, inverses, strict=True):
            spectrum = scipy.fft.rfft2(_shrunk_gradients(x, alpha, beta))
            spectrum *= beta / lam
            spectrum += data
            spectrum *= inverse
            x[:] = scipy.fft.irfft2(spectrum, size, overwrite_x=True)
    return sharp


def _shrunk_gradients(x: Floats, alpha: float, beta: float) -> Floats:
    """D_x^T w_x + D_y^T w_y, with w the shrunk gradients of `x`."""
    total = np.zeros_like(x)
    for axis in (0, 1):
        w = shrink(np.roll(x, -1, axis) - x, alpha, beta)
        total -= w
        total += np.roll(w, 1, axis)
    return total


def _gradient_power(size: tuple[int, int]) -> Floats:
    """|F(D_x)|^2 + |F(D_y)|^2 on the half spectrum."""
    rows = 4 * np.sin(np.pi * scipy.fft.fftfreq(size[0])) ** 2
    columns = 4 * np.sin(np.pi * scipy.fft.rfftfreq(size[1])) ** 2
    return np.add.outer(rows, columns)
