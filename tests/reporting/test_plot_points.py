"""Where the points of the plot lie: the coordinates, not the looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support.factories import control, protocol, result
from support.paths import PUBLISHED

from pipeline.config.experiment import load_methods
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.plots import psnr_vs_params
from pipeline.reporting.published import read_published_table1
from pipeline.reporting.table1 import build_table1

PAPER = read_published_table1(PUBLISHED / "table1.csv").dropna(subset=["params_m"])
Points = set[tuple[float, float]]
EIGHT = protocol("dpdd-8", input_bits=8, ground_truth_bits=8)
# Indoor and outdoor values of these records differ from the combined one.
CANON: dict[str, Any] = {"dataset": "canon", "label": "reproduced"}
RECORDS = [
    result("dmtnet-b", "DMTNet-B", 26.5, trained_params=24_000_000, **CANON),
    result("dmtnet-s", "DMTNet-S", 26.2, trained_params=12_000_000, **CANON),
    result("mine", "Mine", 25.1, trained_params=7_000_000, **CANON),
    control("unsharp", "Control: unsharp masking", 23.9, **CANON),
    result("ifan", "IFAN", 25.5, trained_params=10_000_000, scoring=EIGHT, **CANON),
    result("kpac", "KPAC", 20.5, trained_params=1_500_000),
    result("dmtnet-t", "DMTNet-T", 21.5, trained_params=1_000_000),
    control("input", "Input (no deblurring)", 19.0),
]


def points(axes: Axes) -> Points:
    offsets = [tuple(pair) for drawn in axes.collections for pair in drawn.get_offsets().tolist()]
    return {(round(x, 6), round(y, 6)) for x, y in offsets}


def lines(axes: Axes) -> list[list[tuple[float, float]]]:
    return [[(float(x), float(y)) for x, y in line.get_xydata()] for line in axes.lines]


def levels(axes: Axes) -> set[float]:
    """Heights of lines across the whole panel."""
    return {line[0][1] for line in lines(axes) if [x for x, _ in line] == [0.0, 1.0]}


@pytest.fixture(scope="module")
def panels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Axes]:
    """The panels of one plot, by title."""
    figures: list[Figure] = []
    save = Figure.savefig

    def noted(figure: Figure, *arguments: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", noted)
        table = build_table1(RECORDS, [], read_published_table1(PUBLISHED / "table1.csv"))
        stem: Path = tmp_path_factory.mktemp("plot") / "psnr"
        psnr_vs_params(table, stem, shown_metrics(load_methods().metrics))
    return {axes.get_title(loc="left"): axes for axes in figures[0].axes}


def panel(panels: dict[str, Axes], *words: str) -> Axes:
    (found,) = (axes for title, axes in panels.items() if all(word in title for word in words))
    return found


def published() -> Points:
    return {(row.params_m, row.combined_psnr) for row in PAPER.itertuples()}


def test_the_first_panel_has_published_and_own_canon_values(panels: dict[str, Axes]) -> None:
    axes = panel(panels, "As published")
    assert points(axes) == published() | {(24.0, 26.5), (12.0, 26.2), (7.0, 25.1)}
    assert levels(axes) == {23.9}


def test_the_series_is_joined_and_nothing_else(panels: dict[str, Axes]) -> None:
    series = PAPER[PAPER["method"].str.startswith("DMTNet-")]
    expected = sorted(zip(series["params_m"], series["combined_psnr"], strict=True))
    assert len(expected) == 5
    drawn = lines(panel(panels, "As published"))
    assert expected in drawn
    assert [(12.0, 26.2), (24.0, 26.5)] in drawn
    # The two series, and the one level.
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("words", "expected", "heights"),
    [
        (("canon", "by dpdd-8"), {(10.0, 25.5)}, set()),
        (("Demo", "synthetic"), {(1.5, 20.5), (1.0, 21.5)}, {19.0}),
    ],
)
def test_other_panels_have_their_own_runs_only(
    panels: dict[str, Axes], words: tuple[str, ...], expected: Points, heights: set[float]
) -> None:
    axes = panel(panels, *words)
    assert points(axes) == expected
    assert levels(axes) == heights
    assert len(panels) == 3


def test_every_point_and_level_lies_within_the_limits(panels: dict[str, Axes]) -> None:
    for axes in panels.values():
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        assert left < 0
        assert all(left < x < right and low < y < high for x, y in points(axes))
        assert all(low < y < high for y in levels(axes))


def test_every_point_is_named_once(panels: dict[str, Axes]) -> None:
    def names(*words: str) -> list[str]:
        return sorted(text.get_text() for text in panel(panels, *words).texts)

    # Our runs of published methods lie next to these and need no name.
    own = ["Mine", "unsharp masking"]
    assert names("As published") == sorted([*PAPER["method"], *own])
    assert names("Demo") == ["DMTNet-T", "Input (no deblurring)", "KPAC"]
    assert names("by dpdd-8") == ["IFAN"]
