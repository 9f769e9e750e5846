"""The feature: number of atoms that the patch around each pixel needs (large: sharp).

Known: gray values, patches, tolerance and maximum number of atoms. Reconstruction: with a larger
stride, each count also stands for the positions that the stride skips.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from baselines.jnb.omp import Integers, count_atoms

Floats = NDArray[np.float64]

PATCH = 8
# Norm of noise of standard deviation 2 in a patch, times the coder's gain of 1.15.
EPSILON = PATCH * 2 * 1.15

_LUMA = (0.2989, 0.5870, 0.1140)
# Patches coded at a time; they take 16 MB.
_CHUNK = 32_768

Progress = Callable[[int, int], None]


def luma(image: Floats) -> Floats:
    """`[H, W, 3]` RGB in [0, 1] to the gray of BT.601, `[H, W]` in [0, 255], not rounded."""
    return 255 * (image @ np.array(_LUMA))


def eight_bit_gray(image: Floats) -> Floats:
    """`luma`, rounded to integer gray levels, like the input of the authors' demo."""
    return np.rint(luma(image))


def patches_of(gray: Floats, stride: int) -> Floats:
    """All 8x8 patches with corners on a grid of `stride`, `[rows, columns, 64]`, mean removed.

    `gray` is `[H, W]`; there are `ceil((H - 7) / stride)` rows.
    """
    windows = sliding_window_view(gray, (PATCH, PATCH))[::stride, ::stride]
    patches = windows.reshape(*windows.shape[:2], -1).astype(np.float64)
    patches -= patches.mean(2, keepdims=True)
    return patches


def atom_counts(
    gray: Floats,
    atoms: Floats,
    *,
    stride: int = 1,
    max_atoms: int = PATCH**2,
    progress: Progress | None = None,
) -> Integers:
    """Number of atoms of the patch with its top left corner at each pixel.

    Args:
        gray: `[H, W]` in [0, 255], integer levels.
        atoms: `[K, 64]`, rows of unit norm.
        stride: 1 or more; above 1, every corner takes the count of the preceding grid point.
        max_atoms: maximum number of atoms per patch.
        progress: called after each chunk with the number of finished and of all patches.

    Returns:
        int64 `[H - 7, W - 7]`.
    """
    height, width = (side - PATCH + 1 for side in gray.shape)
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    counts = np.empty((rows, columns), np.int64)
    step = max(1, _CHUNK // columns)
    for start in range(0, rows, step):
        end = min(start + step, rows)
        band = gray[start * stride : (end - 1) * stride + PATCH]
        patches = patches_of(band, stride).reshape(-1, PATCH**2)
        found = count_atoms(patches, atoms, epsilon=EPSILON, max_atoms=max_atoms)
        counts[start:end] = found.reshape(-1, columns)
        if progress:
            progress(end * columns, rows * columns)
    return counts.repeat(stride, axis=0).repeat(stride, axis=1)[:height, :width]
