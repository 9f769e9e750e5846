"""Names beside the points of a chart, where they cover neither points nor each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CHARACTER, LINE, _GAP = 6.3, 13.0, 8.0
_LONGEST = 28

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True)
class Placed:
    """A name and where it stands; `anchor`: `start`, `middle` or `end` of the text is at `x`."""

    text: str
    x: float
    y: float
    anchor: str


def place(
    points: Sequence[tuple[float, float, str]],
    area: Box,
    lines: Sequence[float] = (),
    joined: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
    boxes: Sequence[Box] = (),
) -> list[Placed | None]:
    """A place for each name; `None` where there is no room: the tooltip and the table have it.

    Args:
        points: x and y in pixels, and the name, which may be empty.
        area: where names may stand.
        lines: heights of horizontal lines, which names avoid.
        joined: ends of other lines, which they avoid too.
        boxes: where other texts stand.
    """
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y, _ in points]
    taken += [(area[0], y - 1, area[2], y + 1) for y in lines]
    taken += boxes
    taken += [box for ends in joined for box in _along(*ends)]
    found: list[Placed | None] = []
    for x, y, name in points:
        chosen = None
        for label, box in _candidates(x, y, name):
            inside = box[0] >= area[0] and box[2] <= area[2] and box[1] >= area[1]
            if inside and box[3] <= area[3] and not any(_overlap(box, other) for other in taken):
                chosen = label
                taken.append(box)
                break
        found.append(chosen)
    return found


def text_width(text: str) -> float:
    """About how wide a text is drawn, in pixels."""
    return _CHARACTER * len(text)


def _along(start: tuple[float, float], end: tuple[float, float]) -> Iterator[Box]:
    """Small boxes on a line."""
    steps = max(1, round(max(abs(end[0] - start[0]), abs(end[1] - start[1])) / 4))
    for n in range(steps + 1):
        x, y = (a + (b - a) * n / steps for a, b in zip(start, end, strict=True))
        yield x - 1, y - 1, x + 1, y + 1


def _candidates(x: float, y: float, name: str) -> Iterator[tuple[Placed, Box]]:
    if not name:
        return
    text = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    width = text_width(text)
    for dx, dy, anchor in (
        (_GAP, 4, "start"),
        (0, -_GAP, "middle"),
        (0, _GAP + 9, "middle"),
        (-_GAP, 4, "end"),
        (_GAP, -_GAP, "start"),
        (_GAP, _GAP + 9, "start"),
        (-_GAP, -_GAP, "end"),
        (-_GAP, _GAP + 9, "end"),
        (0, -2.6 * _GAP, "middle"),
        (0, 3.6 * _GAP, "middle"),
        (1.5 * _GAP, 2.2 * _GAP, "start"),
        (-1.5 * _GAP, -1.5 * _GAP, "end"),
    ):
        left = x + dx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        bottom = y + dy + 3
        placed = Placed(text, round(x + dx, 1), round(y + dy, 1), anchor)
        yield placed, (left, bottom - LINE, left + width, bottom)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
