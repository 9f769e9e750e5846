"""JNB's steps in their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines._shared.eight_bit_map import through_eight_bits
from baselines.jnb.calibration import sigma_of_count
from baselines.jnb.dictionary import Dictionary, load_dictionary
from baselines.jnb.feature import PATCH, Progress, atom_counts, eight_bit_gray
from baselines.jnb.propagation import guide_of, pad_back, propagate

# The sigma in px of gray level 255, by which a published runner reads JNB's maps.
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
    """Estimate the defocus.

    Only textured pixels tell; the others take the blur of their region, or, far from every textured
    one, the median of the map. An image without any texture has the strongest blur everywhere.

    Args:
        image: `[H, W, 3]`, RGB, sRGB-encoded, in [0, 1]; at least 12 x 12.
        dictionary: the atoms and their calibration; the shipped ones if None.
        mask_threshold: only pixels with more atoms are textured. 3 is the published rule, which
            also drops blurs beyond about 2 px; 1 keeps them; None is the published variant without
            a mask, for images textured all over.
        joint_filter: smooth the map once more along edges, in place of the authors' joint bilateral
            filter; the reference figures are without.
        stride: of the patches; 1 is published, 2 is four times as fast.
        max_atoms: coding of a patch ends there, 1 to 64; 64 is published, 40 is faster.
        eight_bit_map: round as an image of 8 bits does, 4 px being white.
        progress: called with the patches done and those there are, some times an image.

    Returns:
        float64 `[H, W]`: standard deviation of the Gaussian blur in px, within the calibration's
        range, for the shipped dictionary 0.25 to 4.

    Raises:
        ValueError: a wrong shape, values that are not finite or outside [0, 1], an image too
            small, or an option out of range.
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
