"""The connected edge filter: smooths estimates along each edge, never between edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

Floats = NDArray[np.float64]

GAMMA = 10.0
# Together with their opposites, the eight neighbors.
_HALF_NEIGHBORS = ((0, 1), (1, -1), (1, 0), (1, 1))


def connected_edge_filter(
    blur: Floats, mask: NDArray[np.bool_], stability: NDArray[np.int64], gamma: float = GAMMA
) -> Floats:
    """Minimize `sum (1 + e)(x - s)^2 + 2 gamma sum (x_i - x_j)^2` over pairs of neighbors.

    Known from the authors' program, which solves a dense system for each connected edge; one
    sparse system for all edges has the same solution.

    Args:
        blur: `[H, W]`, the estimates s on the mask.
        mask: `[H, W]`, the pixels to filter.
        stability: `[H, W]`, e: the number of scales at which the pixel is an edge.
        gamma: weight of the smoothness term.

    Returns:
        `[H, W]`: x on the mask, 0 elsewhere; within the range of the estimates.
    """
    filtered = np.zeros_like(blur)
    if not mask.any():
        return filtered
    weights = 1.0 + stability[mask]
    system = sparse.diags_array(weights) + 2 * gamma * _graph_laplacian(mask)
    filtered[mask] = spsolve(system.tocsc(), weights * blur[mask], permc_spec="MMD_AT_PLUS_A")
    return filtered


def _graph_laplacian(mask: NDArray[np.bool_]) -> sparse.csr_array:
    """Laplacian of the graph that joins each pixel of the mask with its neighbors in the mask."""
    count = int(mask.sum())
    number = np.full(np.add(mask.shape, (1, 2)), -1)
    inner = number[:-1, 1:-1]
    inner[mask] = np.arange(count)
    height, width = mask.shape
    starts, ends = [], []
    for down, right in _HALF_NEIGHBORS:
        shifted = number[down : down + height, 1 + right : 1 + right + width]
        joined = (inner >= 0) & (shifted >= 0)
        starts.append(inner[joined])
        ends.append(shifted[joined])
    pairs = np.concatenate(starts), np.concatenate(ends)
    half = sparse.coo_array((np.ones(len(pairs[0])), pairs), (count, count)).tocsr()
    joins = half + half.T
    return (sparse.diags_array(joins.sum(1)) - joins).tocsr()
