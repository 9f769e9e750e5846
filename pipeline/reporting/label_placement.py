"""Placing point labels so that they hide neither each other nor the points and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians, sin

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

_RADII = (7.0, 12.0, 18.0, 26.0, 36.0)
_ANGLES = (0, 90, 270, 180, 45, 315, 135, 225, 22, 68, 112, 158, 202, 248, 292, 338)
_MARKER = 4.5
_PASSES = 3
_LEADER_FROM = 15.0
_LONGEST = 48

Polyline = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Point:
    """A point to be labeled, in data coordinates; with an empty `text` it is only in the way."""

    x: float
    y: float
    text: str
    color: str


@dataclass(frozen=True)
class _Place:
    """A possible label: offset of its center from the point and box, both in pixels."""

    dx: float
    dy: float
    radius: float
    rank: int
    box: Bbox


def place_labels(
    axes: Axes, points: Sequence[Point], lines: Sequence[Polyline], size: float
) -> None:
    """Write the label of each point where it overlaps least; axis limits must be final.

    `lines` are polylines in data coordinates that labels should not cross; `size` is the font
    size in points. A label far from its point gets a thin leader.
    """
    if not points:
        return
    pixels = axes.figure.dpi / 72
    marks = axes.transData.transform([(point.x, point.y) for point in points])
    reach = _MARKER * pixels
    markers = [Bbox([mark - reach, mark + reach]) for mark in marks]
    dots = _sampled(axes, lines)
    options = [
        _places(mark, _extent(axes, shown(point.text), size), pixels) if point.text else []
        for mark, point in zip(marks, points, strict=True)
    ]
    chosen: list[_Place | None] = [None] * len(points)
    for _ in range(_PASSES):
        for i, places in enumerate(options):
            if not places:
                continue
            others = [place.box for j, place in enumerate(chosen) if place and j != i]
            obstacles = [*others, *markers]
            costs = [_cost(place, obstacles, dots, axes.bbox, pixels) for place in places]
            chosen[i] = places[int(np.argmin(costs))]
    for point, place in zip(points, chosen, strict=True):
        if place is not None:
            _write(axes, point, place, pixels, size)


def shown(text: str) -> str:
    """The text of a label: a long one is cut."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _extent(axes: Axes, text: str, size: float) -> tuple[float, float]:
    probe = axes.text(0, 0, text, fontsize=size)
    box = probe.get_window_extent()
    probe.remove()
    return box.width, box.height


def _sampled(axes: Axes, lines: Sequence[Polyline]) -> NDArray[np.float64]:
    pieces = [np.empty((0, 2))]
    for line in lines:
        corners = axes.transData.transform(line)
        for start, end in pairwise(corners):
            steps = max(2, int(np.hypot(*(end - start)) / 3))
            pieces.append(start + np.linspace(0, 1, steps)[:, None] * (end - start))
    return np.concatenate(pieces)


def _places(mark: NDArray[np.float64], extent: tuple[float, float], pixels: float) -> list[_Place]:
    width, height = extent
    places = []
    for radius in _RADII:
        for rank, angle in enumerate(_ANGLES):
            dx = cos(radians(angle)) * (radius * pixels + width / 2)
            dy = sin(radians(angle)) * (radius * pixels + height / 2)
            x, y = mark[0] + dx - width / 2, mark[1] + dy - height / 2
            places.append(_Place(dx, dy, radius, rank, Bbox.from_bounds(x, y, width, height)))
    return places


def _cost(
    place: _Place,
    obstacles: Sequence[Bbox],
    dots: NDArray[np.float64],
    frame: Bbox,
    pixels: float,
) -> float:
    """Overlap with boxes and lines and the part outside the frame, then distance and direction."""
    box = place.box
    overlap = sum(_shared(box, other) for other in obstacles) / pixels**2
    inside = (
        (dots[:, 0] > box.x0)
        & (dots[:, 0] < box.x1)
        & (dots[:, 1] > box.y0)
        & (dots[:, 1] < box.y1)
    )
    outside = (box.width * box.height - _shared(box, frame)) / pixels**2
    crossed = float(np.count_nonzero(inside))
    return 20 * overlap + 20 * crossed + 50 * outside + 2 * place.radius + 0.5 * place.rank


def _shared(one: Bbox, other: Bbox) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0.0) * max(height, 0.0)


def _write(axes: Axes, point: Point, place: _Place, pixels: float, size: float) -> None:
    leader = {"arrowstyle": "-", "color": "0.6", "lw": 0.5, "shrinkA": 1, "shrinkB": 3}
    axes.annotate(
        shown(point.text),
        (point.x, point.y),
        xytext=(place.dx / pixels, place.dy / pixels),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=size,
        color=point.color,
        arrowprops=leader if place.radius >= _LEADER_FROM else None,
        annotation_clip=False,
        zorder=5,
    )


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move `positions` as little as needed to lie `gap` apart, kept within `low` … `high`.

    They keep their order; where they cannot all fit, the gap shrinks.
    """
    if not positions:
        return []
    gap = min(gap, (high - low) / max(len(positions) - 1, 1))
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    moved = [positions[i] for i in order]
    for _ in range(200):
        for i in range(len(moved) - 1):
            short = gap - (moved[i + 1] - moved[i])
            if short > 0:
                moved[i] -= short / 2
                moved[i + 1] += short / 2
        moved[0], moved[-1] = max(moved[0], low), min(moved[-1], high)
    result = [0.0] * len(moved)
    for place, i in enumerate(order):
        result[i] = moved[place]
    return result
