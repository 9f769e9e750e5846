"""Where to measure: edges that several Canny scales agree on, and the scale of each edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import canny

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CANNY_SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)

# BT.601, studio range: black 16, white 235.
_LUMA = np.array([65.481, 128.553, 24.966]) / 255
_BLACK = 16 / 255
_POWER = 2.4
_RELIABLE_SCALES = 4
_BINS = 64
_NON_EDGE_SHARE = 0.7
_LOW_TO_HIGH = 0.4
# Smoothing a constant leaves rounding errors, in whose gradients Canny would find edges.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Edges:
    """Reliable edges; all arrays are `[H, W]`.

    Attributes:
        mask: pixels that are edges at each of the four finest scales.
        stability: the number of scales, of nine, at which a pixel is an edge; 4 to 9 on the mask.
        scale: standard deviation in px of the coarsest Canny scale up to which the pixel is an
            edge at every scale; 2.5 to 5 on the mask, 0 elsewhere.
    """

    mask: Mask
    stability: NDArray[np.int64]
    scale: Floats


def estimation_luma(image: Floats, *, linearize: bool) -> Floats:
    """The gray image on which blur is measured; the deconvolution uses the encoded colors.

    Known from the authors' program.

    Args:
        image: `[H, W, 3]`, RGB, sRGB-encoded values in [0, 1].
        linearize: raise to the power of 2.4, an approximate inverse of the encoding.

    Returns:
        `[H, W]`; between 16/255 and 235/255 if not linearized.
    """
    luma: Floats = _BLACK + image @ _LUMA
    return luma**_POWER if linearize else luma


def reliable_edges(luma: Floats) -> Edges:
    """Canny at nine scales. `luma` is `[H, W]`; the rules are known, the detector is ours."""
    found = np.stack([canny_edges(luma, sigma) for sigma in CANNY_SIGMAS])
    return combine(found)


def combine(found: Mask) -> Edges:
    """The `Edges` of nine Canny images, `[9, H, W]`, from fine to coarse."""
    mask = np.logical_and.reduce(found[:_RELIABLE_SCALES])
    # Pixels of the mask are edges at the finest scale, so their run of ones starts there.
    run = np.logical_and.accumulate(found, axis=0).sum(0)
    scale = np.where(mask, np.array(CANNY_SIGMAS)[run - 1], 0)
    return Edges(mask, found.sum(0), scale)


def canny_edges(luma: Floats, sigma: float) -> Mask:
    """Canny's edges with the automatic thresholds of the authors' program.

    Reconstruction: scikit-image's centered 3x3 Sobel filters instead of derivative filters of even
    length, on which the authors' edges lie half a pixel off.

    Args:
        luma: `[H, W]`, any scale.
        sigma: standard deviation of the smoothing, in px.
    """
    smoothed = ndimage.gaussian_filter(luma, sigma, mode="nearest")
    magnitude = np.hypot(ndimage.sobel(smoothed, 0), ndimage.sobel(smoothed, 1))
    largest = float(magnitude.max())
    if largest < _ROUNDING:
        return np.zeros(luma.shape, np.bool_)
    high = high_threshold(magnitude / largest) * largest
    # 0: `smoothed` is smoothed already.
    edges = canny(  # type: ignore[no-untyped-call]
        smoothed, 0, _LOW_TO_HIGH * high, high, mode="nearest"
    )
    return np.asarray(edges, np.bool_)


def high_threshold(magnitude: Floats) -> float:
    """Upper end of the first of 64 histogram bins up to which more than 70 % of the pixels lie.

    `magnitude` has values in [0, 1].
    """
    counts = np.histogram(magnitude, _BINS, (0, 1))[0]
    first = np.argmax(counts.cumsum() > _NON_EDGE_SHARE * magnitude.size)
    return (int(first) + 1) / _BINS
