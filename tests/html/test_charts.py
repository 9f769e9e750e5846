"""Charts: scales, ticks, labels that do not overlap, and what a tooltip says."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.html_report.chart import Chart, Level, Mark, Scale, Series
from pipeline.html_report.chart_labels import place

AREA = (0.0, 0.0, 400.0, 300.0)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 50, ["0", "10", "20", "30", "40", "50"]),
        (20.9, 22.1, ["21.0", "21.2", "21.4", "21.6", "21.8", "22.0"]),
        (-2.5, -0.5, ["−2.5", "−2.0", "−1.5", "−1.0", "−0.5"]),
    ],
)
def test_ticks_are_round(low: float, high: float, texts: list[str]) -> None:
    ticks = Scale(low, high, 0, 100).ticks()
    assert [text for _, text in ticks] == texts
    assert all(0 <= place <= 100 for place, _ in ticks)


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300), st.text(max_size=40)), max_size=25))
def test_labels_cover_neither_points_nor_each_other(
    points: list[tuple[float, float, str]],
) -> None:
    placed = place(points, AREA)
    assert len(placed) == len(points)
    boxes = []
    for label in placed:
        if label is not None:
            width = 6.3 * len(label.text)
            left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
            boxes.append((left, label.y - 9, left + width, label.y + 2))
    for number, one in enumerate(boxes):
        assert one[0] >= -0.1
        assert one[2] <= 400.1
        for other in boxes[:number]:
            apart = one[2] <= other[0] + 0.2 or other[2] <= one[0] + 0.2
            assert apart or one[3] <= other[1] + 0.2 or other[3] <= one[1] + 0.2


def test_a_label_avoids_lines() -> None:
    free, crossed = (
        place([(100.0, 100.0, "DMTNet-L")], AREA, joined=joined)[0]
        for joined in ([], [((0.0, 100.0), (400.0, 100.0))])
    )
    assert free is not None
    assert crossed is not None
    assert free.y == 104
    assert crossed.y != 104


def test_marks_say_what_they_show_and_series_can_be_told_apart() -> None:
    marks = [Mark(1.0, 20.0, "<A>", "<A>: 20.00 dB"), Mark(2.0, 21.0, "B", "B: 21.00 dB")]
    html = Chart(
        "c", "T & U", "x", "y", [Series("one", marks, joined=True)], [Level(19.0, "In", "In: 19")]
    ).html()
    assert re.findall(r'aria-label="([^"]+ dB)"', html) == ["&lt;A&gt;: 20.00 dB", "B: 21.00 dB"]
    assert "<polyline" in html
    assert "T &amp; U" in html
    assert 'data-toggle="0"' in html
    assert 'aria-label="In: 19"' in html


def test_one_point_has_a_chart() -> None:
    html = Chart("c", "T", "x", "y", [Series("one", [Mark(0.0, 20.0, "A", "A")])]).html()
    assert "nan" not in html


def test_names_of_near_levels_do_not_overlap() -> None:
    levels = [Level(20.0 + 0.01 * number, f"level {number}", "") for number in range(6)]
    marks = [Mark(0.0, 18.0, "", ""), Mark(1.0, 25.0, "", "")]
    html = Chart("c", "T", "x", "y", [Series("one", marks)], levels).html()
    names = re.findall(r'<text x="[\d.]+" y="([\d.]+)" text-anchor="(\w+)">level \d</text>', html)
    assert len(names) == len(levels)
    for side in ("start", "end"):
        heights = sorted(float(y) for y, anchor in names if anchor == side)
        assert all(below - above >= 12.9 for above, below in pairwise(heights))
