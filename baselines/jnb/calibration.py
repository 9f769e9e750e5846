"""Calibration: from the number of atoms of a patch to its blur.

Reconstruction: the paper's fit is not published in a usable form. Ours is measured on images
blurred by known amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from baselines.jnb.feature import EPSILON, PATCH, patches_of
from baselines.jnb.omp import count_atoms

Floats = NDArray[np.float64]

SIGMAS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)

_STRIDE = 5
_MIN_STD = 8.0


def calibrate(
    images: Sequence[Floats], atoms: Floats, *, sigmas: Iterable[float] = SIGMAS
) -> Floats:
    """Mean count of atoms in textured patches of blurred images.

    Args:
        images: gray, `[H, W]` in [0, 255].
        atoms: `[K, 64]`, rows of unit norm.
        sigmas: Gaussian blurs in px, increasing.

    Returns:
        `[S]`, one count per blur.

    Raises:
        ValueError: a blur leaves no textured patch, or the counts do not decrease with the blur.
    """
    counts = np.array([_mean_count(images, atoms, sigma) for sigma in sigmas])
    if not (np.diff(counts) < 0).all():
        raise ValueError(
            f"the counts {counts.round(2).tolist()} do not fall with the blur; train on more or "
            "sharper images"
        )
    return counts


def sigma_of_count(count: Floats, sigmas: Floats, counts: Floats) -> Floats:
    """Blur in px for mean counts, by linear interpolation, clamped to the ends of the table.

    Args:
        count: any shape.
        sigmas: `[S]`, increasing.
        counts: `[S]`, decreasing: the counts for these blurs.

    Returns:
        The shape of `count`, in px.
    """
    return np.interp(count, counts[::-1], sigmas[::-1])


def _mean_count(images: Sequence[Floats], atoms: Floats, sigma: float) -> float:
    found = []
    for image in images:
        # Integer gray levels, as in the images that the estimator gets.
        blurred = np.rint(gaussian_filter(image, sigma))
        patches = patches_of(blurred, _STRIDE).reshape(-1, PATCH**2)
        found.append(patches[patches.std(1) > _MIN_STD])
    textured = np.concatenate(found)
    if not len(textured):
        raise ValueError(f"a blur of {sigma} px leaves no textured patch; give more images")
    counts = count_atoms(textured, atoms, epsilon=EPSILON, max_atoms=PATCH**2)
    return float(counts.mean())
