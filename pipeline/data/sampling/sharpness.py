"""The sharpness filter of the official patch extraction (A. Abuolaim, M. S. Brown, ECCV 2020).

Windows without detail teach nothing: of every training image, those whose target has the least
gradient energy are left out. DPDNet's released code does so; DMTNet's text doesn't mention it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

KERNELS = (3, 7, 11, 15)
"""Sizes of the Sobel kernels."""


def gradient_energies(image: NDArray[np.uint16]) -> tuple[float, ...]:
    """Gradient energy of a window of a target at each scale of `KERNELS`.

    Args:
        image: uint16 `[H, W, 3]`, RGB, a window cut out of its image: its own border is mirrored.

    Returns:
        Sums over all pixels of the gradient's length, in units of the 16-bit gray value.
    """
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return tuple(gradient_energy(gray, size) for size in KERNELS)


def gradient_energy(values: NDArray[Any], size: int) -> float:
    """Sum over all pixels of the gradient's length, by Sobel kernels of a size.

    Args:
        values: uint8 or uint16 `[H, W]`; the border is mirrored.
        size: of the kernels, odd.
    """
    across = cv2.Sobel(values, cv2.CV_64F, 1, 0, ksize=size)
    down = cv2.Sobel(values, cv2.CV_64F, 0, 1, ksize=size)
    return float(cv2.magnitude(across, down).sum())


def sharpness_scores(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sharpness of the windows of one image, relative to each other.

    Args:
        energies: `[windows, scales]`, from `gradient_energies`.

    Returns:
        `[windows]`, in [0, 1]: the product over the scales of each energy's place between the
        least and the greatest of the image. A scale at which all windows are equal does not
        count (the official code divides by zero there).
    """
    above = energies - energies.min(axis=0)
    span = above.max(axis=0)
    shares = np.divide(above, span, out=np.ones_like(above), where=span > 0)
    return np.asarray(shares.prod(axis=1), dtype=np.float64)


def kept_windows(scores: NDArray[np.float64], discard: float) -> NDArray[np.bool_]:
    """Which windows of an image stay: all but the `int(discard * n)` of the lowest scores.

    Args:
        scores: `[windows]`, from `sharpness_scores`.
        discard: share to leave out.

    Returns:
        `[windows]`. Of equal scores, the first is left out first.
    """
    kept = np.ones(len(scores), dtype=bool)
    kept[np.argsort(scores, kind="stable")[: discarded(len(scores), discard)]] = False
    return kept


def discarded(windows: int, discard: float) -> int:
    """How many of an image's windows are left out: 8 of 28 at 0.3; none of a few."""
    return int(discard * windows)
