"""Boxes around the pixels of one level, which save deconvolving the whole image for each level.

Reconstruction: the authors' runner deconvolves the whole image for every level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BLOCK = 32

Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Region:
    """A part of an image, `inner`, and the part around it, `outer`, needed to compute it."""

    inner: Slices
    outer: Slices

    @property
    def inner_of_outer(self) -> Slices:
        """Position of `inner` within `outer`."""
        rows, columns = (
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(self.inner, self.outer, strict=True)
        )
        return rows, columns

    @property
    def cost(self) -> int:
        """Number of pixels of `outer`."""
        rows, columns = self.outer
        return (rows.stop - rows.start) * (columns.stop - columns.start)


def regions(mask: NDArray[np.bool_], margin: int) -> list[Region]:
    """Boxes that cover every pixel of the mask, with a margin; one box if several cost more.

    Args:
        mask: `[H, W]`, not empty.
        margin: px around each box, cut off at the image border.

    Returns:
        The regions; their inner boxes may overlap.
    """
    whole = _region(ndimage.find_objects(mask.astype(np.int8))[0], margin, mask.shape)
    starts = [np.arange(0, side, _BLOCK) for side in mask.shape]
    blocks = np.logical_or.reduceat(np.logical_or.reduceat(mask, starts[0], 0), starts[1], 1)
    # Boxes whose margins would overlap are cheaper as one.
    steps = max(-(-margin // _BLOCK), 1)
    near = ndimage.binary_dilation(blocks, np.ones((3, 3)), iterations=steps)
    labels = ndimage.label(near)[0] * blocks
    parts = [
        _region(_pixels(found, mask.shape), margin, mask.shape)
        for found in ndimage.find_objects(labels)
    ]
    return parts if sum(part.cost for part in parts) < whole.cost else [whole]


def _pixels(blocks: Slices, shape: tuple[int, int]) -> Slices:
    rows, columns = (
        slice(found.start * _BLOCK, min(found.stop * _BLOCK, side))
        for found, side in zip(blocks, shape, strict=True)
    )
    return rows, columns


def _region(inner: Slices, margin: int, shape: tuple[int, int]) -> Region:
    rows, columns = (
        slice(max(box.start - margin, 0), min(box.stop + margin, side))
        for box, side in zip(inner, shape, strict=True)
    )
    return Region(inner, (rows, columns))
