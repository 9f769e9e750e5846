"""JNB's steps in order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines._shared.eight_bit_map import through_eight_bits
from baselines.jnb.calibration import sigma_of_count
from baselines.jnb.dictionary import Dictionary, load_dictionary
from baselines.jnb.feature import PATCH, Progress, atom_counts, eight_bit_gray
from baselines.jnb.propagation import guide_of, pad_back, propagate

# Sigma in px of gray level 255, with which a published runner reads JNB's maps.
_FULL_SCALE = 4.0
_MASKS = (None, 1, 3)


def jnb_map(
    image: NDArray[np.float64],
    *,
    dictionary: Dictionary | None = None,
    mask_threshold: int | None = 3,
    joint_filter: bool = False,
    stride: int = 1,
    max_atoms: int = PATCH**2,
    eight_bit_map: bool = False,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Estimate the defocus of an image.

    Only textured pixels provide estimates; other pixels take the blur of their region or, far from
    every textured pixel, the median of the map. An image without texture gets the strongest blur
    everywhere.

    Args:
        image: `[H, W, 3]`, RGB, sRGB-encoded, in [0, 1]; at least 12 x 12.
        dictionary: the atoms and their calibration; by default, the shipped dictionary.
        mask_threshold: only pixels with more atoms count as textured. 3 is the published rule, and
            also drops blurs beyond about 2 px; 1 keeps them; None is the published variant without
            a mask, for images with texture everywhere.
        joint_filter: smooth the map once more along edges, in place of the authors' joint bilateral
            filter; the reference figures were made without it.
        stride: stride of the patches; 1 is published, 2 is four times as fast.
        max_atoms: maximum number of atoms per patch, 1 to 64; 64 is published, 40 is faster.
        eight_bit_map: round as in an 8-bit image in which 4 px is white.
        progress: called several times per image with the number of finished and of all patches.

    Returns:
        float64 `[H, W]`: standard deviation of the Gaussian blur in px, within the range of the
        calibration: 0.25 to 4 for the shipped dictionary.

    Raises:
        ValueError: the shape is wrong, values are not finite or outside [0, 1], the image is too
            small, or an option is out of range.
    """
    _check(image, mask_threshold, stride, max_atoms)
    known = dictionary or load_dictionary()
    gray = eight_bit_gray(image)
    counts = atom_counts(gray, known.atoms, stride=stride, max_atoms=max_atoms, progress=progress)
    feature, _ = propagate(
        counts, guide_of(gray), mask_threshold=mask_threshold, joint_filter=joint_filter
    )
    sigma = pad_back(sigma_of_count(feature, known.sigmas, known.counts))
    return through_eight_bits(sigma, _FULL_SCALE) if eight_bit_map else sigma


def _check(
    image: NDArray[np.float64], mask_threshold: int | None, stride: int, max_atoms: int
) -> None:
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected [H, W, 3], got {image.shape}; repeat a gray image thrice")
    if min(image.shape[:2]) < PATCH + 4:
        raise ValueError(f"{image.shape[:2]} is too small; give at least {PATCH + 4} px a side")
    if not np.isfinite(image).all():
        raise ValueError("the image holds non-finite values; replace NaN and infinity first")
    if image.min() < 0 or image.max() > 1:
        raise ValueError(
            f"values from {image.min():g} to {image.max():g}; scale or clip them to [0, 1]"
        )
    if mask_threshold not in _MASKS:
        raise ValueError(f"mask_threshold must be 1, 3 or None, not {mask_threshold}")
    if stride < 1:
        raise ValueError(f"stride must be at least 1, not {stride}")
    if not 1 <= max_atoms <= PATCH**2:
        raise ValueError(f"max_atoms must be 1 to {PATCH**2}, not {max_atoms}")
