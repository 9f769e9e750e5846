"""Layered hyper-Laplacian deconvolution, step by step in the order in which it was published.

The reference for the speed and the accuracy of `baselines._deconvolution`: each level is computed
over the whole image, one channel at a time, padded by half the kernel's side, with complex
transforms in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from baselines._deconvolution.levels import quantize
from baselines._deconvolution.psf import gaussian_psf
from baselines._deconvolution.shrinkage import shrink

Floats = NDArray[np.floating]


def deconvolve_layers(
    image: Floats, sigma: Floats, lam: float, alpha: float, levels: int
) -> Floats:
    """Same as `baselines._deconvolution.deconvolve_layers` with Gaussian kernels."""
    quantized = quantize(sigma, levels)
    output = image.copy()
    for level in np.unique(quantized):
        kernel = gaussian_psf(level)
        if len(kernel) == 1:
            continue
        for channel in range(image.shape[2]):
            sharp = deconvolve_channel(image[..., channel], kernel, lam, alpha)
            output[..., channel][quantized == level] = sharp[quantized == level]
    return np.clip(output, 0, 1)


def deconvolve_channel(y: Floats, kernel: Floats, lam: float, alpha: float) -> Floats:
    """Deconvolve a whole channel `[H, W]` with one kernel."""
    half = len(kernel) // 2
    padded = np.pad(y, half, mode="edge")
    transfer = to_transfer(kernel, padded.shape)
    for _ in range(4):
        padded = taper(padded, kernel, transfer)
    sharp = deconvolve_periodic(padded, transfer, lam, alpha)
    return sharp[half:-half, half:-half]


def to_transfer(kernel: Floats, shape: Sequence[int]) -> NDArray[np.complex128]:
    canvas = np.zeros(shape)
    canvas[: kernel.shape[0], : kernel.shape[1]] = kernel
    return scipy.fft.fft2(np.roll(canvas, [-(side // 2) for side in kernel.shape], (0, 1)))


def taper(image: Floats, kernel: Floats, transfer: NDArray[np.complex128]) -> Floats:
    ramps = []
    for axis, side in enumerate(image.shape):
        line = np.zeros(side - 1)
        line[: len(kernel)] = kernel.sum(axis=1 - axis)
        circle = scipy.fft.ifft(np.abs(scipy.fft.fft(line)) ** 2).real
        ramps.append(1 - np.append(circle, circle[0]) / circle.max())
    weight = np.outer(ramps[0], ramps[1])
    blurred = scipy.fft.ifft2(scipy.fft.fft2(image) * transfer).real
    return np.clip(weight * image + (1 - weight) * blurred, image.min(), image.max())


def deconvolve_periodic(
    y: Floats, transfer: NDArray[np.complex128], lam: float, alpha: float
) -> Floats:
    across = to_transfer(np.array([[1.0, -1.0, 0.0]]), y.shape)
    down = to_transfer(np.array([[1.0], [-1.0], [0.0]]), y.shape)
    data = np.conj(transfer) * scipy.fft.fft2(y)
    power = np.abs(transfer) ** 2
    gradients = np.abs(across) ** 2 + np.abs(down) ** 2
    x = y
    beta = 1.0
    while beta < 256:
        wx = shrink(np.roll(x, -1, axis=1) - x, alpha, beta)
        wy = shrink(np.roll(x, -1, axis=0) - x, alpha, beta)
        sources = np.roll(wx, 1, axis=1) - wx + np.roll(wy, 1, axis=0) - wy
        numerator = data + beta / lam * scipy.fft.fft2(sources)
        x = scipy.fft.ifft2(numerator / (power + beta / lam * gradients)).real
        beta *= 2 * 2**0.5
    return x
