"""Amount of blur at an edge, from the ratio of its gradients after two further blurs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from baselines.ebdb.edges import CANNY_SIGMAS, Edges

Floats = NDArray[np.float64]

MAX_SIGMA = 5.0

_FIRST_REBLUR = 1.0
_SECOND_REBLUR_TO_SCALE = 0.5


def window_radius(sigma: float) -> int:
    """Half-width in px of the gradient's window when the second re-blur is `sigma`."""
    return 2 * math.ceil(2 * sigma) + 1


LARGEST_RADIUS = window_radius(_SECOND_REBLUR_TO_SCALE * CANNY_SIGMAS[-1])


def edge_blur(luma: Floats, edges: Edges) -> Floats:
    """Blur at the edges, each with a second re-blur of half the scale of the edge.

    Known from the authors' program, which keeps estimates that are not real numbers as zeros.

    Args:
        luma: `[H, W]`, any scale.
        edges: of `luma`.

    Returns:
        `[H, W]`: sigma in px, in [0, 5]; also 0 outside the mask.
    """
    # The authors compute both gradients in the window of the second. Outside the smallest window,
    # the first kernel is below 1e-9 of its peak, so one first gradient serves all scales.
    first = _gradient(luma, _FIRST_REBLUR, LARGEST_RADIUS)
    blur = np.zeros_like(luma)
    for scale in np.unique(edges.scale[edges.mask]):
        sigma = _SECOND_REBLUR_TO_SCALE * float(scale)
        at = edges.scale == scale
        second = _gradient(luma, sigma, window_radius(sigma))
        blur[at] = sigma_of_gradients(first[at], second[at], sigma)
    return blur


def reblurred_gradients(luma: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Gradient magnitudes `[H, W]` after the first re-blur (1 px) and a re-blur of `sigma` px."""
    radius = window_radius(sigma)
    return _gradient(luma, _FIRST_REBLUR, radius), _gradient(luma, sigma, radius)


def sigma_of_gradients(first: Floats, second: Floats, sigma: float) -> Floats:
    """Blur of a step edge from its gradients after two re-blurs.

    An ideal step of blur s has `R^2 = (s^2 + sigma^2) / (s^2 + 1)`, where R is the ratio of the
    gradient after a re-blur of 1 px to the gradient after a re-blur of `sigma` px.

    Args:
        first: gradient magnitude after a re-blur of 1 px, any shape.
        second: gradient magnitude after a re-blur of `sigma` px, the same shape.
        sigma: of the second re-blur in px, above 1.

    Returns:
        Sigma in px, at most 5; 0 where no real blur explains the ratio.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.square(first / second)
        square = (ratio * _FIRST_REBLUR**2 - sigma**2) / (1 - ratio)
        # Comparisons with NaN are false, so 0 / 0 yields no estimate.
        return np.minimum(np.sqrt(np.where(square > 0, square, 0)), MAX_SIGMA)


def _gradient(luma: Floats, sigma: float, radius: int) -> Floats:
    along_y, along_x = (
        ndimage.gaussian_filter(luma, sigma, order=order, radius=radius, mode="reflect")
        for order in ((1, 0), (0, 1))
    )
    return np.hypot(along_y, along_x)
