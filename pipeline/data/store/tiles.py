"""Tiles: how a scene lies in the pixel store.

A training crop takes a few hundred short rows of an image that is stored row by row, each on
pages of its own. Stored as tiles, it touches some 25 runs of neighboring pages, and planes of one
channel need no transposition. `benchmarks/crop_loader.py` measures what that is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Side of a tile in pixels: four views of it are 24 pages of 4096 bytes."""

VIEWS = ("combined", "left", "right", "target")
"""Order of the views within a tile; those of a two-view method are neighbors."""

CHANNELS = 3


class Piece(NamedTuple):
    """The part of a window that lies in one tile.

    `offset`: of the tile, in elements from the start of its scene; `height`, `width`: of the tile,
    which is `[views, channels, height, width]`; `rows`, `columns`: the part, within the tile;
    `to_rows`, `to_columns`: the same part, within the window.
    """

    offset: int
    height: int
    width: int
    rows: slice
    columns: slice
    to_rows: slice
    to_columns: slice


def scene_elements(height: int, width: int) -> int:
    """Numbers in a stored scene: tiles at the right and lower edge are cut, not padded."""
    return len(VIEWS) * CHANNELS * height * width


def tile_rows(images: Mapping[str, NDArray[np.uint16]]) -> Iterator[NDArray[np.uint16]]:
    """Cut a scene into tiles.

    Args:
        images: uint16 `[H, W, 3]` by view.

    Yields:
        One row of tiles after the other, `[elements]`, little-endian: the scene as it is stored.
    """
    height, width, _ = images[VIEWS[0]].shape
    for top in range(0, height, SIDE):
        rows = np.stack([images[view][top : top + SIDE] for view in VIEWS])
        planes = rows.transpose(0, 3, 1, 2)
        tiles = [planes[..., left : left + SIDE].ravel() for left in range(0, width, SIDE)]
        yield np.concatenate(tiles).astype("<u2", copy=False)


def pieces(height: int, width: int, window: tuple[int, int, int, int]) -> Iterator[Piece]:
    """The tiles that a window touches.

    Args:
        height: of the scene in pixels.
        width: of the scene in pixels.
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
                len(VIEWS) * CHANNELS * (y * width + x * tall),
                tall,
                wide,
                slice(first - y, last - y),
                slice(begin - x, end - x),
                slice(first - top, last - top),
                slice(begin - left, end - left),
            )
