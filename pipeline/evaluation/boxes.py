"""Where the boxes of Figure 4 are: where the input is worst, so that no method is favored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError

Corner = tuple[int, int]

_SHARE, _SMALLEST, _LARGEST = 4, 16, 256
_MOST = 3
"""The shorter side of an image holds at least this many boxes, so that two never overlap."""

_STEPS = 4
"""Positions of a box within its own side."""


def box_side(height: int, width: int, wanted: int | None = None) -> int:
    """Side of the boxes in an image of this size, in pixels: a quarter of its shorter side.

    Args:
        height, width: of the image.
        wanted: what the experiment file says.

    Raises:
        ConfigError: two boxes of the wanted size may not fit.

    >>> box_side(128, 192), box_side(1120, 1680)
    (32, 256)
    """
    shorter = min(height, width)
    largest = max(1, shorter // _MOST)
    if wanted is None:
        return min(largest, max(_SMALLEST, min(_LARGEST, shorter // _SHARE)))
    if wanted > largest:
        raise ConfigError(
            f"qualitative: crop: {wanted} is too large for images of {height} x {width} "
            f"pixels; use at most {largest}"
        )
    return wanted


def choose_boxes(
    blurred: NDArray[np.float64],
    target: NDArray[np.float64],
    side: int,
    yellow: Corner | None = None,
    blue: Corner | None = None,
) -> tuple[Corner, Corner]:
    """Top and left of the yellow and the blue box.

    Yellow: where the mean squared error of the input is largest, by steps of a quarter of a box;
    blue: the same among all places that do not overlap the yellow box.

    Args:
        blurred: the input, float64 `[H, W, 3]` in [0, 1].
        target: the ground truth, of the same format.
        side: of the boxes, from `box_side`.
        yellow, blue: what the experiment file says instead.

    Raises:
        ConfigError: a given box is not within the image.

    >>> target = np.zeros((12, 12, 3))
    >>> blurred = target.copy()
    >>> blurred[8:, :4], blurred[4:8, 8:] = 1.0, 0.5
    >>> choose_boxes(blurred, target, 4)
    ((8, 0), (4, 8))
    """
    height, width = target.shape[:2]
    for name, corner in (("yellow", yellow), ("blue", blue)):
        if corner is not None and (corner[0] > height - side or corner[1] > width - side):
            raise ConfigError(
                f"qualitative: {name}: {list(corner)} with {side} pixels is not within an image of "
                f"{height} x {width}; use [top, left] up to {[height - side, width - side]}"
            )
    errors = ((blurred - target) ** 2).mean(axis=2)
    rows, columns = _positions(height, side), _positions(width, side)
    means = _means(errors, rows, columns, side)
    if yellow is None:
        yellow = _worst(means, rows, columns)
    if blue is None:
        apart_rows = np.abs(rows - yellow[0]) >= side
        apart_columns = np.abs(columns - yellow[1]) >= side
        apart = apart_rows[:, None] | apart_columns[None, :]
        blue = _worst(np.where(apart, means, -1.0), rows, columns)
    return yellow, blue


def _positions(length: int, side: int) -> NDArray[np.intp]:
    """Starts of boxes along one axis; the last one ends at the border."""
    return np.unique([*range(0, length - side, max(1, side // _STEPS)), length - side])


def _means(
    errors: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], side: int
) -> NDArray[np.float64]:
    sums = np.zeros((errors.shape[0] + 1, errors.shape[1] + 1))
    sums[1:, 1:] = errors.cumsum(axis=0).cumsum(axis=1)
    top, left = rows[:, None], columns[None, :]
    inside = sums[top + side, left + side] - sums[top, left + side]
    inside += sums[top, left] - sums[top + side, left]
    return np.asarray(inside / side**2)


def _worst(means: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Corner:
    row, column = np.unravel_index(int(np.argmax(means)), means.shape)
    return int(rows[row]), int(columns[column])
