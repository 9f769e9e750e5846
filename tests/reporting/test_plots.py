from __future__ import annotations

import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from support.factories import control, protocol, result
from support.paths import PUBLISHED

from pipeline.config.experiment import load_methods
from pipeline.records import ResultRecord
from pipeline.reporting import plots
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.label_placement import Point, place_labels, spread
from pipeline.reporting.plots import psnr_vs_params
from pipeline.reporting.published import read_published_table1
from pipeline.reporting.table1 import build_table1

TABLE1 = PUBLISHED / "table1.csv"
METRICS = shown_metrics(load_methods().metrics)


def _draw(results: list[ResultRecord], stem: Path) -> list[Path]:
    return psnr_vs_params(build_table1(results, [], read_published_table1(TABLE1)), stem, METRICS)


def _boxes(axes: Axes) -> list[Bbox]:
    """The texts alone: an annotation's own extent includes its leader."""
    axes.figure.canvas.draw()
    return [Text.get_window_extent(text) for text in axes.texts]


def _width(png: Path) -> int:
    return int.from_bytes(png.read_bytes()[16:20], "big")


def test_files_exist_and_are_byte_stable(tmp_path: Path) -> None:
    results = [result(), control("input", "Input (no deblurring)", 19.0)]
    first = _draw(results, tmp_path / "a" / "psnr")
    second = _draw(results, tmp_path / "b" / "psnr")
    assert [path.suffix for path in first] == [".png", ".svg", ".pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_every_panel_has_unit_and_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[str] = []
    save = plots.save_figure

    def noted(figure: Figure, stem: Path) -> list[Path]:
        labels.extend(axes.get_ylabel() for axes in figure.axes)
        return save(figure, stem)

    monkeypatch.setattr(plots, "save_figure", noted)
    _draw([result()], tmp_path / "psnr")
    assert labels == ["Combined PSNR (dB) ↑"] * 2


def test_other_data_sets_get_a_panel_of_their_own(tmp_path: Path) -> None:
    alone = _draw([], tmp_path / "alone")[0]
    canon = _draw([result(dataset="canon", label="reproduced")], tmp_path / "canon")[0]
    demo = _draw([result()], tmp_path / "demo")[0]
    assert _width(alone) == _width(canon)
    assert _width(demo) > 1.8 * _width(alone)
    assert alone.read_bytes() != canon.read_bytes()


def test_every_protocol_gets_a_panel_of_its_own(tmp_path: Path) -> None:
    whole, tiled = result("a", "A"), result("b", "B", scoring=protocol("dpdd-16-tiled-512-64"))
    alone = _draw([], tmp_path / "alone")[0]
    one = _draw([whole], tmp_path / "one")[0]
    two = _draw([whole, tiled], tmp_path / "two")[0]
    assert _width(two) - _width(one) == _width(one) - _width(alone) > 0
    assert b"by dpdd-16-tiled-512-64" in two.with_suffix(".svg").read_bytes()


def test_published_labels_do_not_overlap() -> None:
    table = build_table1([], [], read_published_table1(TABLE1))
    figure = Figure(figsize=(6.4, 4.8))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plots._published_panel(axes, table, table.iloc[:0])
    boxes = _boxes(axes)
    assert len(boxes) == table["params_published_m"].notna().sum()
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_labels_avoid_crowded_points() -> None:
    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    crowd = [Point(0.5 + i * 1e-3, 0.5, f"method {i}", "black") for i in range(5)]
    place_labels(axes, crowd, [[(0, 0), (1, 1)]], 8)
    boxes = _boxes(axes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_spread_keeps_order_and_gap() -> None:
    moved = spread([0.5, 0.52, 0.51, 3.0], 0.2, 0.0, 4.0)
    assert moved[0] < moved[2] < moved[1] < moved[3]
    ordered = sorted(moved)
    assert min(b - a for a, b in pairwise(ordered)) > 0.199
    assert spread([], 1.0, 0.0, 1.0) == []


@pytest.mark.parametrize("module", sorted(Path(plots.__file__).parent.glob("*.py")))
def test_reporting_never_imports_torch(module: Path) -> None:
    name = f"pipeline.reporting.{module.stem}".removesuffix(".__init__")
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
