"""Propagation from the edges to every pixel by the domain transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baselines._shared.domain_transform import recursive_filter

Floats = NDArray[np.float64]

_NUM_ITER = 5
_GUIDE_SIGMA_S = 7.0
_GUIDE_SIGMA_R = 0.5
_SIGMA_R = 3.75
_SIDES_PER_SIGMA_S = 8
# Far from all edges, both filtered signals vanish.
_FLOOR = 1e-12


def spread(image: Floats, blur: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Mean of the blur at the edges, weighted by the distance along the image's surface.

    Known from the authors' program; the floor under the division is ours.

    Args:
        image: `[H, W, 3]`, RGB, encoded values in [0, 1].
        blur: `[H, W]`, sigma in px on the mask.
        mask: `[H, W]`, where `blur` is known.

    Returns:
        `[H, W]`: sigma in px, at most the largest in `blur`; zeros if the mask is empty.
    """
    guide = recursive_filter(
        image, image, sigma_s=_GUIDE_SIGMA_S, sigma_r=_GUIDE_SIGMA_R, num_iter=_NUM_ITER
    )
    known = np.stack((np.where(mask, blur, 0), mask.astype(np.float64)), axis=2)
    total, weight = np.moveaxis(
        recursive_filter(
            known,
            guide,
            sigma_s=min(mask.shape) / _SIDES_PER_SIGMA_S,
            sigma_r=_SIGMA_R,
            num_iter=_NUM_ITER,
        ),
        2,
        0,
    )
    return np.asarray(total / np.maximum(weight, _FLOOR), np.float64)
