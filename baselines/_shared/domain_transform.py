"""Edge-aware smoothing: the recursive filter of the domain transform.

E. S. L. Gastal and M. M. Oliveira, 'Domain Transform for Edge-Aware Image and Video Processing',
SIGGRAPH 2011, section "Recursive filtering".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def recursive_filter(
    signal: Floats, guide: Floats, *, sigma_s: float, sigma_r: float, num_iter: int
) -> Floats:
    """Smooth `signal` along rows and columns, but less across the edges of `guide`.

    Each iteration scans left to right, right to left, down and up. The result is not normalized:
    the response to an impulse sums to only about 1 and is not symmetric. To spread sparse data,
    divide the filtered data by the filtered mask.

    Args:
        signal: `[H, W]` or `[H, W, K]`, any values; all K channels are filtered the same way.
        guide: `[H, W]` or `[H, W, C]`; distances are summed over its channels.
        sigma_s: standard deviation in pixels, over a flat guide.
        sigma_r: standard deviation in the guide's values.
        num_iter: number of iterations, each half as wide as the previous one.

    Returns:
        float64, the shape of `signal`.

    Raises:
        ValueError: shapes do not match, values are not finite, or a parameter is out of range.
    """
    signal, guide = np.asarray(signal, np.float64), np.asarray(guide, np.float64)
    _check(signal, guide, sigma_s, sigma_r, num_iter)
    channels = guide.reshape(*guide.shape[:2], -1)
    steps = [1 + sigma_s / sigma_r * np.abs(np.diff(channels, axis=axis)).sum(2) for axis in (1, 0)]
    distances = np.ascontiguousarray(steps[0].T), steps[1]
    # The scanned axis is first and the other axis last, so that each step works on whole,
    # contiguous lines; transposing the array between the axes costs little in comparison.
    lines = np.ascontiguousarray(signal.reshape(*signal.shape[:2], -1).transpose(1, 2, 0))
    for index in range(num_iter):
        spread = 2.0 ** (num_iter - index - 1) * math.sqrt(3 / (4**num_iter - 1))
        for distance in distances:
            _scan(lines, np.exp(-math.sqrt(2) / (sigma_s * spread) * distance))
            lines = np.ascontiguousarray(lines.transpose(2, 1, 0))
    return np.ascontiguousarray(lines.transpose(2, 0, 1)).reshape(signal.shape)


def _scan(lines: Floats, feedback: Floats) -> None:
    """Both directions along the first axis of `lines` `[L, K, M]`, in place.

    `feedback` `[L - 1, M]` holds the share passed between line x and line x + 1.
    """
    change = np.empty_like(lines[0])
    count = len(lines)
    forwards = ((x, x + 1) for x in range(count - 1))
    backwards = ((x + 1, x) for x in reversed(range(count - 1)))
    for before, line in (*forwards, *backwards):
        np.subtract(lines[before], lines[line], out=change)
        change *= feedback[min(before, line)]
        lines[line] += change


def _check(signal: Floats, guide: Floats, sigma_s: float, sigma_r: float, num_iter: int) -> None:
    fits = signal.ndim in (2, 3) and guide.ndim in (2, 3) and signal.shape[:2] == guide.shape[:2]
    if not fits or not signal.size or not guide.size:
        raise ValueError(
            f"signal {signal.shape} and guide {guide.shape} must be [H, W] or [H, W, channels] "
            "of the same H and W"
        )
    if not (np.isfinite(signal).all() and np.isfinite(guide).all()):
        raise ValueError("signal and guide must be finite; replace NaN and infinity first")
    if not (sigma_s > 0 and sigma_r > 0 and num_iter >= 1):
        raise ValueError(
            f"sigma_s {sigma_s} and sigma_r {sigma_r} must be above 0 and num_iter {num_iter} "
            "at least 1"
        )
