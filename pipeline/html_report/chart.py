"""Line and point charts as SVG in the page: readable without scripts, and the same each time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from pipeline.html_report.chart_labels import LINE, Box, Placed, place, text_width
from pipeline.html_report.markup import render

WIDTH, HEIGHT = 440, 310
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 46
_TICKS = 6


@dataclass(frozen=True)
class Mark:
    """A point. `name`: of its row. `text`: what the tooltip says, one sentence."""

    x: float
    y: float
    name: str
    text: str


@dataclass(frozen=True)
class Series:
    """Points of one kind, which are shown and hidden together.

    `color`: number of a color of the page, from 1 on. `joined`: whether a line joins them.
    `hollow`: whether the points are drawn as outlines. `thin`: further lines without points, as
    pairs of x and y. `shown`: at first. `labeled`: whether points bear their names.
    """

    name: str
    marks: Sequence[Mark]
    color: int = 1
    joined: bool = False
    hollow: bool = False
    dashed: bool = False
    thin: Sequence[Sequence[tuple[float, float]]] = ()
    shown: bool = True
    labeled: bool = True


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with, such as the blurred input."""

    y: float
    name: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart; `id` is unique on the page, the labels name quantity and unit."""

    id: str
    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    levels: Sequence[Level] = ()
    from_zero: bool = True

    def html(self) -> Markup:
        """The chart with its legend."""
        return render("chart.html", chart=self, plot=_plot(self), width=WIDTH, height=HEIGHT)


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value, in pixels."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and texts of round values."""
        step = _round_step((self.high - self.low) / _TICKS)
        digits = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [
            (self(n * step), f"{n * step:.{digits}f}".replace("-", "−"))
            for n in range(first, last + 1)
        ]


def _round_step(rough: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


@dataclass(frozen=True)
class Plot:
    """Pixels of a chart: ticks, drawn series, levels and labels."""

    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    series: list[dict[str, object]]
    levels: list[dict[str, object]]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM


def _plot(chart: Chart) -> Plot:
    points = list(_points(chart))
    xs, ys = [x for x, _ in points], [y for _, y in points] + [one.y for one in chart.levels]
    low, high = (0.0 if chart.from_zero else min(xs)), max(xs)
    x = Scale(
        low - 0.07 * (high - low or 1), high + 0.08 * (high - low or 1), _LEFT, WIDTH - _RIGHT
    )
    room = 0.11 * (max(ys) - min(ys)) or 0.5
    y = Scale(min(ys) - room, max(ys) + room, HEIGHT - _BOTTOM, _TOP)
    labels = _labels(chart, x, y)
    series = [
        {
            "series": one,
            "line": _path([(m.x, m.y) for m in one.marks], x, y) if one.joined else "",
            "thin": [_path(line, x, y) for line in one.thin],
            "marks": [(mark, x(mark.x), y(mark.y)) for mark in one.marks],
            "labels": labels.get(number, []),
        }
        for number, one in enumerate(chart.series)
    ]
    return Plot(x.ticks(), y.ticks(), series, _levels(chart, y))


def _points(chart: Chart) -> Iterator[tuple[float, float]]:
    for one in chart.series:
        yield from ((mark.x, mark.y) for mark in one.marks)
        yield from (point for line in one.thin for point in line)


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(a):g},{y(b):g}" for a, b in points)


def _levels(chart: Chart, y: Scale) -> list[dict[str, object]]:
    """Lines with names above them, on alternate sides; on each, higher lines have higher names."""
    drawn: list[dict[str, object]] = []
    ceilings = [math.inf, math.inf]
    for number, one in enumerate(sorted(chart.levels, key=lambda level: level.y)):
        side = number % 2
        ceilings[side] = text_y = min(y(one.y) - 4, ceilings[side] - LINE)
        drawn.append({"level": one, "y": y(one.y), "text_y": text_y, "at_end": side == 1})
    return drawn


def _name_box(drawn: dict[str, object]) -> Box:
    """Where the name of a level stands."""
    level, text_y = drawn["level"], float(str(drawn["text_y"]))
    width = text_width(level.name) if isinstance(level, Level) else 0.0
    left = WIDTH - _RIGHT - 4 - width if drawn["at_end"] else _LEFT + 6
    return left, text_y - LINE + 1, left + width, text_y + 4


def _labels(chart: Chart, x: Scale, y: Scale) -> dict[int, list[Placed]]:
    """Names beside points, by number of the series."""
    owners, points = [], []
    for number, one in enumerate(chart.series):
        for mark in one.marks:
            points.append((x(mark.x), y(mark.y), mark.name if one.labeled else ""))
            owners.append(number)
    drawn = _levels(chart, y)
    lines = [float(str(one["y"])) for one in drawn]
    names = [_name_box(one) for one in drawn]
    joined = [
        ((x(a.x), y(a.y)), (x(b.x), y(b.y)))
        for one in chart.series
        if one.joined
        for a, b in pairwise(one.marks)
    ]
    placed = place(points, (_LEFT, _TOP, WIDTH - 2, HEIGHT - _BOTTOM), lines, joined, names)
    found: dict[int, list[Placed]] = {}
    for owner, label in zip(owners, placed, strict=True):
        if label is not None:
            found.setdefault(owner, []).append(label)
    return found
