"""Tiles: the memory layout of a scene in the pixel store.

In an image stored row by row, a training crop consists of a few hundred short rows, each on its own
pages. Stored as tiles, it touches about 25 runs of consecutive pages, and channel planes need no
transposition. `benchmarks/feed.py` measures the gain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Side of a tile in pixels; its four views fill 24 pages of 4096 bytes."""

VIEWS = ("combined", "left", "right", "target")
"""Order of the views within a tile; the views of a two-view method are adjacent."""

CHANNELS = 3


class Piece(NamedTuple):
    """The part of a window that lies in one tile.

    `offset`: position of the tile, in elements from the start of its scene; `height`, `width`: size
    of the tile, which is `[views, channels, height, width]`; `rows`, `columns`: position of the
    part within the tile; `to_rows`, `to_columns`: its position within the window.
    """

    offset: int
    height: int
    width: int
    rows: slice
    columns: slice
    to_rows: slice
    to_columns: slice


def scene_elements(height: int, width: int) -> int:
    """Elements of a stored scene; tiles at the right and lower edges are cut, not padded."""
    return len(VIEWS) * CHANNELS * height * width


def tile_rows(images: Mapping[str, NDArray[np.uint16]]) -> Iterator[NDArray[np.uint16]]:
    """Cut a scene into tiles.

    Args:
        images: uint16 `[H, W, 3]` by view.

    Yields:
        Rows of tiles, `[elements]`, little-endian, in the order in which they are stored.
    """
    height, width, _ = images[VIEWS[0]].shape
    for top in range(0, height, SIDE):
        rows = np.stack([images[view][top : top + SIDE] for view in VIEWS])
        planes = rows.transpose(0, 3, 1, 2)
        tiles = [planes[..., left : left + SIDE].ravel() for left in range(0, width, SIDE)]
        yield np.concatenate(tiles).astype("<u2", copy=False)


def pieces(height: int, width: int, window: tuple[int, int, int, int]) -> Iterator[Piece]:
    """The tiles that a window overlaps.

    Args:
        height: height of the scene in pixels.
        width: width of the scene in pixels.
        window: top, left, height and width in pixels, inside the scene.
    """
    top, left, rows, columns = window
    for y in range(top // SIDE * SIDE, top + rows, SIDE):
        tall = min(SIDE, height - y)
        first, last = max(top, y), min(top + rows, y + tall)
        for x in range(left // SIDE * SIDE, left + columns, SIDE):
            wide = min(SIDE, width - x)
            begin, end = max(left, x), min(left + columns, x + wide)
            yield Piece(
                offset=len(VIEWS) * CHANNELS * (y * width + x * tall),
                height=tall,
                width=wide,
                rows=slice(first - y, last - y),
                columns=slice(begin - x, end - x),
                to_rows=slice(first - top, last - top),
                to_columns=slice(begin - left, end - left),
            )
