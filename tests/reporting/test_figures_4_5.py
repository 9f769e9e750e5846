"""Figures 4 and 5: byte-stable, complete, and with the numbers of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from support.paths import TINY
from support.qualitative import ROWS, qualitative_scene, selection

from pipeline.config.experiment import load_experiment
from pipeline.reporting import figure4, figure5
from pipeline.reporting.figure4 import NO_SCENES, draw_figure4, error_range
from pipeline.reporting.figure5 import NO_SELECTION, draw_figure5
from pipeline.reporting.headings import shown_metrics

EXPERIMENT = load_experiment(TINY)
METRICS = shown_metrics(EXPERIMENT.metrics)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures are kept here instead of being written, which takes long."""
    figures: list[Figure] = []

    def keep(figure: Figure, stem: Path) -> list[Path]:
        figures.append(figure)
        return []

    monkeypatch.setattr(figure4, "save_figure", keep)
    monkeypatch.setattr(figure5, "save_figure", keep)
    return figures


def texts(figure: Figure) -> list[str]:
    FigureCanvasAgg(figure).draw()
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        if axes.get_visible():
            found += [axes.get_title(), axes.get_title("left"), axes.get_xlabel()]
    return [text for text in found if text]


def test_files_are_byte_stable(tmp_path: Path) -> None:
    for name, draw in (
        ("figure4", lambda stem: draw_figure4([qualitative_scene()], stem, EXPERIMENT, METRICS)),
        ("figure5", lambda stem: draw_figure5(selection(), stem, EXPERIMENT)),
    ):
        first, second = draw(tmp_path / "a" / name), draw(tmp_path / "b" / name)
        assert [path.name for path in first] == [f"{name}.{e}" for e in ("png", "svg", "pdf")]
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_every_method_has_boxes_errors_and_scores(drawn: list[Figure]) -> None:
    draw_figure4([qualitative_scene(), qualitative_scene("other")], Path("x"), EXPERIMENT, METRICS)
    (figure,) = drawn
    found = texts(figure)
    for number in range(len(ROWS)):
        for text in (f"{10 + number}.00 dB", f"{15 + number}.00 dB", f"image {20 + number}.00 dB"):
            assert found.count(text) == 2
    # Two overviews, boxes of all methods and the truth, error maps, and the color bar.
    assert len(figure.axes) == 2 * (2 + 2 * (len(ROWS) + 1) + len(ROWS) + 1)
    assert any("1P0A0001, indoor: largest gain" in text for text in found)
    assert any("first seed of each method" in text and "“tiny”" in text for text in found)
    assert not any(text.get_parse_math() for text in figure.texts)


def test_the_best_value_is_bold(drawn: list[Figure]) -> None:
    draw_figure4([qualitative_scene()], Path("x"), EXPERIMENT, METRICS)
    bold = [text.get_text() for text in drawn[0].texts if text.get_weight() == "bold"]
    assert bold[1:] == ["12.00 dB", "17.00 dB", "image 22.00 dB"]


def test_all_error_maps_have_one_scale(drawn: list[Figure]) -> None:
    scenes = [qualitative_scene(), qualitative_scene("other")]
    draw_figure4(scenes, Path("x"), EXPERIMENT, METRICS)
    shown = [image for axes in drawn[0].axes for image in axes.images]
    maps = [
        image for image in shown if image.get_array().ndim == 2 and image.get_array().shape[0] > 1
    ]
    assert len(maps) == 2 * len(ROWS)
    assert {image.get_clim() for image in maps} == {(0, error_range(scenes))}
    # Noise up to 0.2.
    assert error_range(scenes) == pytest.approx(0.2)


def test_boxes_lie_where_they_were_cut(drawn: list[Figure]) -> None:
    draw_figure4([qualitative_scene()], Path("x"), EXPERIMENT, METRICS)
    boxes = [
        (patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in drawn[0].axes[0].patches
    ]
    assert [*dict.fromkeys(boxes)] == [((3.5, 2.5), 8, 8), ((27.5, 15.5), 8, 8)]


def test_many_methods_wrap_and_stay_on_the_page(drawn: list[Figure]) -> None:
    rows = tuple(f"Method {number} with a name" for number in range(16))
    draw_figure4([qualitative_scene(rows=rows)], Path("x"), EXPERIMENT, METRICS)
    (figure,) = drawn
    FigureCanvasAgg(figure).draw()
    width, height = figure.bbox.width, figure.bbox.height
    for one in [*figure.axes, *figure.texts]:
        box: Any = one.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1
        assert -1 <= box.y0 <= box.y1 <= height + 1
    boxes = [axes.get_position() for axes in figure.axes]
    # Only overviews and columns; no two of them overlap.
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = one.x1 <= other.x0 + 1e-9 or other.x1 <= one.x0 + 1e-9
            assert apart or one.y1 <= other.y0 + 1e-9 or other.y1 <= one.y0 + 1e-9


def test_selection_weights_of_every_dmssrm(drawn: list[Figure]) -> None:
    draw_figure5(selection(modules=3, least=1.1e-7), Path("x"), EXPERIMENT)
    (figure,) = drawn
    found = texts(figure)
    for title in ("scale 1 (finest): α = 0.500", "scale 2: α = 0.500"):
        assert found.count(title) == 3
    assert found.count("scale 3 (coarsest): α = 1.1e-07") == 3
    last = [axes for axes in figure.axes if axes.get_ylabel() == "α"]
    assert [axes.get_yscale() for axes in last] == ["log"] * 3
    # For each scale all images, the median, and the scene of the maps.
    assert [len(axes.lines) for axes in last] == [9] * 3
    assert [line.get_ydata()[0] for line in last[0].lines[2::3]] == [0.5, 0.5 - 1.1e-7, 1.1e-7]


def test_one_scene_and_one_dmssrm(drawn: list[Figure]) -> None:
    made = selection(modules=1)
    own = made.weights[made.weights["scene"] == "b"].reset_index(drop=True)
    features = (np.zeros_like(made.features[0]),)
    alone = type(made)(**{**vars(made), "weights": own, "features": features})
    draw_figure5(alone, Path("x"), EXPERIMENT)
    assert any("on 1 test image (" in text for text in texts(drawn[0]))


def test_nothing_to_show_is_said(drawn: list[Figure]) -> None:
    draw_figure4([], Path("x"), EXPERIMENT, METRICS)
    draw_figure5(None, Path("x"), EXPERIMENT)
    assert NO_SCENES in texts(drawn[0])
    assert NO_SELECTION in texts(drawn[1])
