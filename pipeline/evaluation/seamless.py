"""Large images in aligned tiles that give what the whole image gives, wherever a network can.

Tiles begin at multiples of `ALIGNMENT` pixels, so that windows, strides and poolings of networks
lie as in the whole image, and the last of a row or column ends with the image, as its padding
does. The outer part of each tile is computed and not used. (`pipeline.evaluation.tiling` is
another thing: the protocol for scores.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError

ALIGNMENT = 128
"""Pixels; a multiple of every stride, and of every window in pixels, of the methods here."""
DEFAULT_OVERLAP = 256
_RAMP = 32
"""Width of the blend between two tiles, in the middle of their overlap."""

Forward = Callable[..., Tensor]


@dataclass(frozen=True)
class SeamlessTiling:
    """Square tiles of `size` pixels; neighbors share `overlap` pixels.

    Raises:
        ConfigError: not multiples of `ALIGNMENT`, or a tile is not larger than its overlap.
    """

    size: int
    overlap: int = DEFAULT_OVERLAP

    def __post_init__(self) -> None:
        for option, value in (("--tile", self.size), ("--tile-overlap", self.overlap)):
            if value < ALIGNMENT or value % ALIGNMENT:
                raise ConfigError(f"{option} {value}: must be a multiple of {ALIGNMENT} pixels")
        if self.size <= self.overlap:
            raise ConfigError(
                f"--tile {self.size}: must be larger than the overlap of {self.overlap} pixels; "
                "give a larger --tile or a smaller --tile-overlap"
            )

    @property
    def margin(self) -> int:
        """Pixels at an inner edge of a tile that are computed and not used."""
        return (self.overlap - _RAMP) // 2


@dataclass(frozen=True)
class Span:
    """A tile along one side: pixels `start` to `stop`.

    `own_start`, `own_stop`: its part of a partition of the side, cut in the middle of overlaps.
    `weights`: float32 `[stop - start]`; those of all tiles sum to one in every pixel.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int
    weights: NDArray[np.float32]


def spans(length: int, tiling: SeamlessTiling) -> list[Span]:
    """The tiles along a side of `length` pixels."""
    step = tiling.size - tiling.overlap
    starts = list(range(0, max(1, length - tiling.overlap), step))
    found = []
    for start in starts:
        stop = min(start + tiling.size, length)
        weights = np.ones(stop - start, np.float32)
        before, after = start > 0, start != starts[-1]
        rise = (np.arange(_RAMP, dtype=np.float32) + 0.5) / _RAMP
        if before:
            weights[: tiling.margin] = 0
            weights[tiling.margin : tiling.margin + _RAMP] = rise
        if after:
            weights[len(weights) - tiling.margin :] = 0
            end = len(weights) - tiling.margin
            weights[end - _RAMP : end] = rise[::-1]
        half = tiling.overlap // 2
        own = (start + half if before else 0, stop - half if after else length)
        found.append(Span(start, stop, *own, weights))
    return found


@dataclass(frozen=True)
class Tile:
    """One tile of an image: its rows and columns."""

    rows: Span
    columns: Span

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of its first pixel."""
        return self.rows.start, self.columns.start

    @property
    def window(self) -> tuple[slice, slice]:
        """The tile's rows and columns in the image."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)


def tiles(height: int, width: int, tiling: SeamlessTiling | None) -> list[Tile]:
    """The tiles of an image, row by row; `None`: the whole image as one."""
    if tiling is None:
        whole = [Span(0, side, 0, side, np.ones(side, np.float32)) for side in (height, width)]
        return [Tile(*whole)]
    return [
        Tile(rows, columns) for rows in spans(height, tiling) for columns in spans(width, tiling)
    ]


@dataclass(frozen=True)
class Blended:
    """An image made of tiles, and how far neighbors differ where one passes into the other.

    `image`: float32 `[H, W, 3]`. `seam`: largest difference; 0 for a single tile.
    """

    image: NDArray[np.float32]
    seam: float


def blend(
    parts: Iterator[tuple[Tile, NDArray[np.float32]]],
    height: int,
    width: int,
    tiling: SeamlessTiling | None,
) -> Blended:
    """Put tiles together.

    Args:
        parts: tiles in the order of `tiles`, each with its float32 `[h, w, 3]`.
        height, width: of the image.
        tiling: how it was cut.
    """
    image = np.zeros((height, width, 3), np.float32)
    edges = _Edges(tiling)
    for tile, pixels in parts:
        weights = tile.rows.weights[:, None, None] * tile.columns.weights[None, :, None]
        image[tile.window] += weights * pixels
        edges.compare(tile, pixels)
    return Blended(image, edges.largest)


class _Edges:
    """Compares every tile with its left and upper neighbors, in the middle of their overlaps."""

    def __init__(self, tiling: SeamlessTiling | None) -> None:
        self.largest = 0.0
        self._margin = 0 if tiling is None else tiling.margin
        self._right: NDArray[np.float32] | None = None
        self._below: dict[int, NDArray[np.float32]] = {}

    def compare(self, tile: Tile, pixels: NDArray[np.float32]) -> None:
        first, last = self._margin, self._margin + _RAMP
        if tile.columns.start > 0 and self._right is not None:
            self._note(pixels[:, first:last], self._right)
        above = self._below.get(tile.columns.start)
        if tile.rows.start > 0 and above is not None:
            self._note(pixels[first:last], above)
        ends = [side - self._margin for side in pixels.shape[:2]]
        self._below[tile.columns.start] = pixels[ends[0] - _RAMP : ends[0]].copy()
        self._right = pixels[:, ends[1] - _RAMP : ends[1]].copy()

    def _note(self, one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
        # Infinite or undefined values are reported elsewhere.
        self.largest = max(self.largest, float(np.nan_to_num(np.abs(one - other)).max()))
