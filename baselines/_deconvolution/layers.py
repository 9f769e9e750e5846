"""Deconvolution with a blur that varies over the image: one kernel per level of the map.

Known (DMENet's authors' runner): the whole image is deconvolved with the kernel of every level, and
each pixel is taken from its own level; levels are not blended; values are encoded, without gamma.
The result is clipped to [0, 1].
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from baselines._deconvolution.levels import quantize
from baselines._deconvolution.psf import SIGMA_PER_RADIUS, disc_psf, gaussian_psf
from baselines._deconvolution.regions import regions

Floats = NDArray[np.floating]
Progress = Callable[[int, int], None]
Kernel = Literal["gaussian", "disc"]

# In units of half a Gaussian kernel's side. From 1 on, PSNR changes by less than 0.001 dB with any
# solver here. Discs ring further: with alpha 2/3 and lambda 2000, margins of 60 px for radius 2 and
# 100 px for 4.5 still changed it by 0.08 dB.
_MARGIN = 2


class Solver(Protocol):
    """Removes a blur that is the same everywhere."""

    def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
        """Sharp estimate of channels `[C, H, W]` with one blur `[K, K]`.

        The solver handles the border of the image; it need not clip the result.
        """


def deconvolve_layers(
    image: Floats,
    sigma: Floats,
    *,
    solver: Solver,
    psf: Kernel = "gaussian",
    levels: int = 33,
    threads: int = 1,
    progress: Progress | None = None,
) -> Floats:
    """Remove a known, locally constant blur.

    Reconstruction: for each level of a Gaussian, only the boxes around its pixels are deconvolved,
    with a margin of twice half the kernel side; everything is computed in float32.

    Args:
        image: `[H, W, 3]`, values in [0, 1].
        sigma: `[H, W]`, standard deviation in px of the Gaussian that resembles the blur, >= 0.
            Pixels of sigma 0 are copied. NaN counts as 0, with a warning that gives their number.
        solver: e.g. `HyperLaplacian()`.
        psf: `gaussian`, or `disc` with radius sigma / 0.545.
        levels: the map is quantized to at most this number of values.
        threads: number of levels processed in parallel.
        progress: called with the number of finished levels and the number of all levels.

    Returns:
        `[H, W, 3]` float64 in [0, 1].

    Raises:
        ValueError: shapes differ, a value is not finite or out of range, the image is smaller than
            the largest kernel, or the kernel is unknown.
    """
    quantized = quantize(_check(image, sigma), levels)
    kernels = {level: _kernel(float(level), psf) for level in np.unique(quantized)}
    side = max(len(kernel) for kernel in kernels.values())
    if side > min(quantized.shape):
        raise ValueError(
            f"the image, {list(quantized.shape)}, is smaller than the kernel of the largest "
            f"sigma, {side}x{side}; is the map in pixels of this image?"
        )
    output = image.astype(np.float64)
    channels = np.ascontiguousarray(np.moveaxis(image, -1, 0), dtype=np.float32)

    def undo(level: float) -> None:
        kernel = kernels[level]
        margin = _MARGIN * (len(kernel) // 2) if psf == "gaussian" else max(quantized.shape)
        if kernel.max() < 1:
            _undo_level(output, channels, quantized == level, margin, kernel, solver)

    with ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(undo, kernels), start=1):
            if progress is not None:
                progress(done, len(kernels))
    return np.clip(output, 0, 1)


def _undo_level(
    output: Floats,
    channels: Floats,
    mask: NDArray[np.bool_],
    margin: int,
    kernel: Floats,
    solver: Solver,
) -> None:
    """Write the sharp pixels of the mask to `output`."""
    for region in regions(mask, margin):
        sharp = solver.deconvolve(channels[:, *region.outer], kernel.astype(np.float32))
        inside = mask[region.inner]
        sharp = np.moveaxis(sharp[:, *region.inner_of_outer], 0, -1)
        output[region.inner][inside] = sharp[inside]


def _kernel(sigma: float, psf: Kernel) -> Floats:
    if psf == "gaussian":
        return gaussian_psf(sigma)
    if psf == "disc":
        return disc_psf(sigma / SIGMA_PER_RADIUS)
    raise ValueError(f"unknown kernel {psf!r}; known: gaussian, disc")


def _check(image: Floats, sigma: Floats) -> Floats:
    """The map with NaN replaced by 0."""
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected an image [H, W, 3], got {list(image.shape)}")
    if sigma.shape != image.shape[:2]:
        raise ValueError(
            f"the map, {list(sigma.shape)}, and the image, {list(image.shape)}, differ in size"
        )
    if not ((image >= 0) & (image <= 1)).all():
        raise ValueError("the image's values must be finite and lie in [0, 1]")
    if np.isinf(sigma).any() or (sigma < 0).any():
        raise ValueError("the map's values must be finite and not negative")
    # Not only for the message: a disc of such a radius would not fit in memory.
    if (sigma > max(sigma.shape)).any():
        raise ValueError("the map holds values above the image's size; is it in pixels?")
    holes = np.isnan(sigma)
    if holes.any():
        warnings.warn(
            f"{holes.sum()} of {holes.size} pixels of the map are NaN and stay unchanged",
            stacklevel=3,
        )
    return np.where(holes, 0.0, sigma)
