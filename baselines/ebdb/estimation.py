"""EBDB's steps in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from baselines._shared.eight_bit_map import through_eight_bits
from baselines.ebdb.blur import LARGEST_RADIUS, MAX_SIGMA, edge_blur
from baselines.ebdb.connected_edges import connected_edge_filter
from baselines.ebdb.edges import estimation_luma, reliable_edges
from baselines.ebdb.matting import interpolate
from baselines.ebdb.propagation import spread

Floats = NDArray[np.float64]
Propagation = Literal["domain_transform", "matting"]

MIN_SIDE = 2 * LARGEST_RADIUS + 1


@dataclass(frozen=True)
class SparseBlur:
    """Blur at the edges; all arrays are `[H, W]`.

    Attributes:
        mask: the pixels where the blur is known.
        raw: sigma in px as measured, in [0, 5]; 0 outside the edges.
        filtered: `raw` after the connected edge filter; 0 outside the mask.
    """

    mask: NDArray[np.bool_]
    raw: Floats
    filtered: Floats


def ebdb_map(
    image: Floats,
    *,
    linearize: bool = True,
    keep_zeros: bool = True,
    propagation: Propagation = "domain_transform",
    matting_lambda: float = 1e-3,
    eight_bit_map: bool = False,
) -> Floats:
    """Estimate the defocus of an image. The defaults are those of the authors' program.

    Args:
        image: `[H, W, 3]`, RGB, sRGB-encoded values in [0, 1]; each side at least 23 px.
        linearize: measure on the luma to the power of 2.4.
        keep_zeros: count pixels whose gradients no blur explains as sharp (known); otherwise, they
            are ignored.
        propagation: `domain_transform` (known), or `matting` as an ablation, many times slower.
        matting_lambda: weight of the values at edges in the matting.
        eight_bit_map: round the map to multiples of 5/255 px, as pipelines do that store it in an
            eight-bit image.

    Returns:
        `[H, W]`, float64: standard deviation of the Gaussian blur in px, in [0, 5]. Zeros if no
        reliable edge is found.

    Raises:
        ValueError: the image has a wrong shape, is too small or holds values that are not finite
            or outside [0, 1]; the propagation is unknown; or `matting_lambda` is not above 0.
    """
    if propagation not in ("domain_transform", "matting"):
        raise ValueError(f"unknown propagation {propagation!r}; known: domain_transform, matting")
    if not matting_lambda > 0:
        raise ValueError(f"matting_lambda must be above 0, not {matting_lambda}")
    known = sparse_blur(image, linearize=linearize, keep_zeros=keep_zeros)
    sigma = spread(image, known.filtered, known.mask)
    if propagation == "matting":
        sigma = interpolate(image, known.filtered, known.mask, sigma, matting_lambda)
        # Unlike a weighted mean, a matte can leave the range of its data.
        sigma = np.clip(sigma, 0, MAX_SIGMA)
    return through_eight_bits(sigma, MAX_SIGMA) if eight_bit_map else sigma


def sparse_blur(image: Floats, *, linearize: bool = True, keep_zeros: bool = True) -> SparseBlur:
    """Blur at the reliable edges, before it is spread; arguments and errors as for `ebdb_map`."""
    _check(image)
    luma = estimation_luma(image, linearize=linearize)
    edges = reliable_edges(luma)
    raw = edge_blur(luma, edges)
    mask = edges.mask if keep_zeros else edges.mask & (raw > 0)
    return SparseBlur(mask, raw, connected_edge_filter(raw, mask, edges.stability))


def _check(image: Floats) -> None:
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected an RGB image [H, W, 3], got {image.shape}")
    if min(image.shape[:2]) < MIN_SIDE:
        raise ValueError(
            f"the image is {image.shape[0]}x{image.shape[1]} px; EBDB needs at least "
            f"{MIN_SIDE} px on each side"
        )
    # Comparisons with NaN are false.
    if not ((image >= 0) & (image <= 1)).all():
        raise ValueError("the image must hold finite values in [0, 1]; scale or clip it first")
