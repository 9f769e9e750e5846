"""An image in overlapping tiles, for machines without the memory for a whole one.

Results differ from those of the whole image where a network's receptive field exceeds a tile, so
their protocol has a different name.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.evaluation.protocol import Tiling


def tiled(forward: Callable[..., Tensor], x: Tensor, tiling: Tiling) -> Tensor:
    """Apply a network tile by tile and blend the results.

    No tile is cut short: the last of a row or column moves back to the image's edge. Each
    is passed its position. Where tiles overlap, the outer `margin` pixels of each are dropped and
    the rest is weighted by a linear ramp; the weights of a pixel sum to one. So a network that
    looks at most `margin` pixels far, and the same way at every position, gives what it gives for
    the whole image. An image no larger than a tile is whole.

    Args:
        forward: the network, after the contract of methods: `[1, C, h, w]` to `[1, 3, h, w]`, with
            `origin` and `full_size`.
        x: `[1, C, H, W]`, on the CPU.
        tiling: size and overlap.

    Returns:
        float32 `[1, 3, H, W]`, on the CPU.
    """
    height, width = x.shape[-2:]
    if max(height, width) <= tiling.size:
        return forward(x).float().cpu()
    # In double precision, so that blending equal values gives that value.
    blended = torch.zeros(1, 3, height, width, dtype=torch.float64)
    columns = _places(width, tiling)
    for top, vertical in _places(height, tiling):
        for left, horizontal in columns:
            window = (..., slice(top, top + len(vertical)), slice(left, left + len(horizontal)))
            output = forward(x[window], origin=(top, left), full_size=(height, width))
            blended[window] += vertical[:, None] * horizontal * output.cpu().double()
    return blended.float()


def _places(length: int, tiling: Tiling) -> list[tuple[int, Tensor]]:
    """Offset and weights of each tile along one side."""
    size = min(tiling.size, length)
    last = length - size
    starts = [*range(0, last, tiling.size - tiling.overlap), last]
    weights = torch.zeros(len(starts), length, dtype=torch.float64)
    for row, start in zip(weights, starts, strict=True):
        row[start : start + size] = _ramps(size, tiling, start > 0, start < last)
    weights /= weights.sum(0)
    return [(start, row[start : start + size]) for start, row in zip(starts, weights, strict=True)]


def _ramps(size: int, tiling: Tiling, before: bool, after: bool) -> Tensor:
    """Weights along one side of a tile that has a neighbor `before` or `after` it, or both."""
    weights = torch.ones(size, dtype=torch.float64)
    if tiling.overlap:
        distance = torch.arange(size, dtype=torch.float64) + 0.5 - tiling.margin
        ramp = (distance / (tiling.overlap - 2 * tiling.margin)).clamp(0, 1)
        weights = weights * (ramp if before else 1) * (ramp.flip(0) if after else 1)
    return weights
