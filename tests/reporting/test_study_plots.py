"""Figures of a study: byte-stable, complete, and readable without colors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.reporting import study_curves, study_forest, study_scaling, study_selection
from pipeline.reporting.study_curves import learning_curves
from pipeline.reporting.study_forest import forest
from pipeline.reporting.study_scaling import scaling_plot
from pipeline.reporting.study_selection import selection_plot

ROWS = {
    "dmtnet-h": "DMTNet-H",
    "dmtnet-t": "DMTNet-T",
    "dmtnet-b": "DMTNet-B",
    "fixed": "DMTNet-B without adaptive selection",
    "dpdnet": "DPDNet",
}
NOWHERE = float("nan")


def pairs() -> pd.DataFrame:
    columns = ["claim", "question", "one", "other", "difference", "low", "high", "p_holm"]
    columns += ["boot_low", "boot_high", "published", "verdict"]
    rows = [
        ["C06", "", "dmtnet-b", "dmtnet-t", 0.5, 0.3, 0.7, 0.01, 0.4, 0.6, 0.77, "same direction"],
        ["", "Help?", "fixed", "dmtnet-b", 0.1, -0.2, 0.4, 0.3, 0.0, 0.2, NOWHERE, "undecided"],
        ["C07", "x " * 90, "dmtnet-h", "MRNet", *[NOWHERE] * 6, 0.06, "not tested (surrogate)"],
    ]
    return pd.DataFrame(rows, columns=columns).assign(seeds=5, scenes=24).replace(ROWS)


def curves(seeds: int = 3) -> pd.DataFrame:
    rows = [
        [method, seed, epoch, 100 * epoch, 20 + number + np.log2(epoch) + 0.1 * seed]
        for number, method in enumerate(ROWS)
        for seed in range(seeds)
        for epoch in range(1, 6)
    ]
    return pd.DataFrame(rows, columns=["method", "repetition", "epoch", "samples", "val_psnr"])


def weights(least: float = 1e-6, methods: int = 2) -> pd.DataFrame:
    rows = [
        [method, seed, f"s{scene}", "indoor", dmssrm, scale, alpha]
        for method in [*ROWS][:methods]
        for seed in range(3)
        for scene in range(4)
        for dmssrm in (1, 2)
        for scale, alpha in enumerate((0.6, 0.4 - least, least), 1)
    ]
    columns = ["method", "repetition", "scene", "category", "dmssrm", "scale", "alpha"]
    return pd.DataFrame(rows, columns=columns)


def points() -> pd.DataFrame:
    rows = [
        [name, ROWS[name], 10.0 ** (10 + n + k), 20 + n, 19.9 + n, 20.2 + n]
        for n, name in enumerate(("dmtnet-t", "dmtnet-b", "dmtnet-h"))
        for k in range(3)
    ]
    return pd.DataFrame(rows, columns=["method", "row", "compute", "psnr", "low", "high"])


def bands() -> pd.DataFrame:
    grid = np.geomspace(1e10, 1e13, 5)
    parts = [
        pd.DataFrame(
            {"view": view, "method": "", "compute": grid, "psnr": 20.0, "low": 19.0, "high": 21.0}
        )
        for view in ("frontier", "ends", "test")
    ]
    return pd.concat(parts)


DRAWN: dict[str, tuple[ModuleType, Callable[[Path], list[Path]]]] = {
    "forest": (study_forest, lambda stem: forest(pairs(), stem)),
    "curves": (study_curves, lambda stem: learning_curves(curves(), ROWS, stem)),
    "selection": (
        study_selection,
        lambda stem: selection_plot(weights(), ROWS, stem, nothing=1e-3),
    ),
    "scaling": (study_scaling, lambda stem: scaling_plot(points(), bands(), points(), stem)),
}


def figure_of(
    module: ModuleType, draw: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> Figure:
    """The figure that a function would have saved."""
    kept: list[Figure] = []
    monkeypatch.setattr(module, "save_figure", lambda figure, stem: kept.append(figure) or [])
    draw(Path("unused"))
    (figure,) = kept
    FigureCanvasAgg(figure)
    return figure


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", DRAWN)
def test_files_exist_and_are_the_same_again(name: str, tmp_path: Path) -> None:
    _, draw = DRAWN[name]
    first, second = draw(tmp_path / "one"), draw(tmp_path / "two")
    assert [path.name for path in first] == ["one.png", "one.svg", "one.pdf"]
    assert all(path.stat().st_size > 5000 for path in first)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize(
    "draw",
    [
        lambda stem: forest(pairs()[:0], stem),
        lambda stem: learning_curves(curves()[:0], ROWS, stem),
        lambda stem: selection_plot(weights()[:0], ROWS, stem, nothing=1e-3),
        lambda stem: scaling_plot(points()[:0], bands()[:0], points()[:0], stem),
    ],
)
def test_nothing_to_show_is_shown(draw: Callable[[Path], list[Path]], tmp_path: Path) -> None:
    assert all(path.exists() for path in draw(tmp_path / "empty"))


@pytest.mark.parametrize("name", DRAWN)
def test_no_number_is_shown_as_markup(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, draw = DRAWN[name]
    figure = figure_of(module, draw, monkeypatch)
    figure.canvas.draw()
    labels = [
        label.get_text()
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")
    ]
    assert any(labels)
    assert not [label for label in labels if "$" in label or "\\" in label]


def test_a_pair_shows_its_intervals_and_the_papers_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    axes = figure_of(*DRAWN["forest"], monkeypatch).axes[0]
    lines = {tuple(line.get_xdata()): line for line in axes.lines}
    assert {(0.3, 0.7), (0.4, 0.6), (0.77,), (-0.2, 0.4), (0.0, 0.2)} <= {*lines}
    # Filled where the adjusted p-value is small, hollow otherwise: also without colors.
    assert lines[0.5,].get_markerfacecolor() != "white"
    assert lines[0.1,].get_markerfacecolor() == "white"
    assert texts(axes) == ["same direction", "undecided", "not tested (surrogate)"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == "C06\nDMTNet-B − DMTNet-T"
    assert names[1] == "Help?\nDMTNet-B without adaptive selection − DMTNet-B"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.get_title(loc="left") == "Paired differences, 5 seeds, 24 scenes"


def test_names_of_pairs_stay_inside_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = figure_of(*DRAWN["forest"], monkeypatch)
    figure.canvas.draw()
    for label in figure.axes[0].get_yticklabels():
        assert label.get_window_extent().x0 > 0
    for text in figure.axes[0].texts:
        assert text.get_window_extent().x1 < figure.bbox.width


def test_every_variant_has_a_panel_with_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = figure_of(*DRAWN["curves"], monkeypatch)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title(loc="left") for axes in shown]
    assert titles == ["DMTNet-T to H", ROWS["fixed"], "DPDNet"]
    # In the order of the series, whatever that of the table.
    assert [line.get_label() for line in shown[0].lines] == ["DMTNet-T", "DMTNet-B", "DMTNet-H"]
    assert len({line.get_marker() for line in shown[0].lines}) == 3
    assert shown[1].lines[0].get_label() == "DMTNet-B"
    means = shown[1].lines[1].get_ydata()
    own = curves()[curves()["method"] == "fixed"]
    assert means == pytest.approx(own.groupby("samples")["val_psnr"].mean().to_numpy())
    band = shown[1].collections[1].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((own["val_psnr"].min(), own["val_psnr"].max()))


def test_methods_without_a_label_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"dmtnet-b": "DMTNet-B"}
    figure = figure_of(study_curves, lambda stem: learning_curves(curves(), few, stem), monkeypatch)
    assert [len(axes.lines) for axes in figure.axes] == [1]


@pytest.mark.parametrize(("least", "scale"), [(1e-6, "log"), (0.1, "linear")])
def test_small_weights_need_a_logarithmic_axis(
    least: float, scale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = figure_of(
        study_selection,
        lambda stem: selection_plot(weights(least), ROWS, stem, nothing=1e-3),
        monkeypatch,
    )
    assert {axes.get_yscale() for axes in figure.axes} == {scale}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("0.001" in labels) == (scale == "log")
    assert labels[:3] == ["scale 1 (finest)", "scale 2", "scale 3 (coarsest)"]


def test_a_mark_for_every_seed_scale_and_dmssrm(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = figure_of(*DRAWN["selection"], monkeypatch)
    (axes, other) = figure.axes
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s", "^")]
    assert len(marks) == 3 * 3 * 2
    places = [line.get_xdata()[0] for line in marks]
    assert len({round(place, 6) for place in places}) == len(places)
    assert len({line.get_marker() for line in marks}) == 3
    assert (axes.get_title(loc="left"), other.get_title(loc="left")) == ("DMTNet-H", "DMTNet-T")


def test_both_views_of_compute_have_their_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = figure_of(*DRAWN["scaling"], monkeypatch).axes
    assert left.get_legend_handles_labels()[1] == [
        "fit through the best networks",
        "fit through the ends",
        "DMTNet-T",
        "DMTNet-B",
        "DMTNet-H",
    ]
    assert right.get_legend_handles_labels()[1][0] == "line through the networks"
    assert left.get_xscale() == right.get_xscale() == "log"
