"""Figure 5: features and selection weights of each scale of each DMSSRM of one network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config.experiment import Experiment
from pipeline.qualitative_files import Selection
from pipeline.reporting.style import (
    FONT,
    GRAY,
    MAP,
    SCALE_COLORS,
    SCALE_MARKERS,
    figure_style,
    put_title,
    save_figure,
)

NO_SELECTION = (
    "No network of this experiment weights its scales adaptively, so that there is no Figure 5."
)

_PANEL, _LAST, _ROW, _MARGIN = 2.3, 3.0, 1.9, 1.0
"""Inches: widths of a map and of the distribution, height of a row, and of what is around all."""

_LOGARITHMIC = 0.02
"""Below this, weights need a logarithmic axis."""

_SPREAD = 0.28
"""Marks of one scale lie this far from its place, at most."""


def draw_figure5(found: Selection | None, stem: Path, experiment: Experiment) -> list[Path]:
    """Draw a row for each DMSSRM to `stem.png`, `.svg`, `.pdf`; returns the paths.

    In each row the strength of each scale's features on one scene, with its selection weight, and
    then the weights on all test scenes. Without such a network the figure says so. The same files
    give the same bytes.

    Args:
        found: what `read_figure5` returned.
        stem: of the files.
        experiment: its name, and that of its data set, are shown.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    with figure_style():
        if found is None:
            figure = Figure(figsize=(8, 1))
            figure.text(0.02, 0.6, NO_SELECTION)
            figure.text(0.02, 0.25, f"Experiment: {experiment.name}", fontsize=FONT, color=GRAY)
            return save_figure(figure, stem)
        rows, scales = len(found.features), len(found.features[0])
        size = ((scales + 1) * _PANEL + _LAST, rows * _ROW + _MARGIN)
        figure = Figure(figsize=size, layout="constrained")
        widths = [*[_PANEL] * (scales + 1), _LAST]
        grid = figure.subplots(rows, scales + 2, squeeze=False, width_ratios=widths)
        for number, panels in enumerate(grid, 1):
            _row(panels, found, number)
        _input(grid, found)
        put_title(figure, figure5_title(found, experiment))
        _key(figure)
        return save_figure(figure, stem)


def figure5_title(found: Selection, experiment: Experiment) -> str:
    """Which network, which data, which scene."""
    images = found.weights["scene"].nunique()
    return (
        f"{found.row} ({found.label}, data set “{experiment.dataset.name}”, first seed): features "
        f"of each scale on {found.scene}, and selection weights α on "
        f"{images} test {'image' if images == 1 else 'images'} (experiment {experiment.name})"
    )


def alphas(found: Selection, dmssrm: int) -> pd.DataFrame:
    """Selection weights of one DMSSRM: a row for each test scene, a column for each scale."""
    own = found.weights[found.weights["dmssrm"] == dmssrm]
    return own.pivot_table(index="scene", columns="scale", values="alpha", sort=False)


def shown_alpha(value: float) -> str:
    """A weight in digits that fit it.

    >>> shown_alpha(0.34), shown_alpha(1.1e-7)
    ('0.340', '1.1e-07')
    """
    return f"{value:.3f}" if value >= 1e-3 else f"{value:.1e}"


def _row(panels: Any, found: Selection, dmssrm: int) -> None:
    weights, maps = alphas(found, dmssrm), found.features[dmssrm - 1].astype(np.float64)
    for scale, (axes, values) in enumerate(zip(panels[1:-1], maps, strict=True), 1):
        low, high = np.quantile(values, [0.01, 0.99])
        axes.imshow(values, cmap=MAP, vmin=low, vmax=max(high, low + 1e-12))
        _bare(axes)
        own = weights.loc[found.scene, scale]
        axes.set_title(f"scale {scale}{_ends(scale, len(maps))}: α = {shown_alpha(own)}", size=FONT)
        axes.set_xlabel(f"{low:.2g} to {high:.2g}", fontsize=FONT - 1)
    panels[1].set_ylabel(f"DMSSRM {dmssrm}", fontsize=FONT + 1, fontweight="bold")
    _distribution(panels[-1], weights, found.scene)


def _distribution(axes: Any, weights: pd.DataFrame, scene: str) -> None:
    """A mark for each test image, in the order of the images; the line is the median."""
    steps = np.linspace(-_SPREAD, _SPREAD, len(weights)) if len(weights) > 1 else np.zeros(1)
    for number, scale in enumerate(weights.columns):
        color = SCALE_COLORS[number % len(SCALE_COLORS)]
        marker = SCALE_MARKERS[number % len(SCALE_MARKERS)]
        values = weights[scale].to_numpy()
        axes.plot(scale + steps, values, marker, color=color, ms=3, mew=0, alpha=0.6)
        middle = float(np.median(values))
        axes.plot([scale - 0.4, scale + 0.4], [middle] * 2, color="black", lw=1.2)
        place = weights.index.get_loc(scene)
        axes.plot([scale + steps[place]], [values[place]], marker, mfc="none", mec="black", ms=7)
    if weights.to_numpy().min() < _LOGARITHMIC:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks([*weights.columns])
    axes.set_xlim(min(weights.columns) - 0.6, max(weights.columns) + 0.6)
    axes.tick_params(labelsize=FONT - 1)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel("scale", fontsize=FONT - 1)
    axes.set_ylabel("α", fontsize=FONT)
    axes.set_title("all test images", size=FONT)


def _input(grid: Any, found: Selection) -> None:
    first = grid[0, 0]
    first.imshow(found.image)
    _bare(first)
    first.set_title(f"input, {found.scene}", size=FONT)
    for axes in grid[1:, 0]:
        axes.set_visible(False)


def _bare(axes: Any) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def _ends(scale: int, scales: int) -> str:
    if scales == 1:
        return ""
    return {1: " (finest)", scales: " (coarsest)"}.get(scale, "")


def _key(figure: Any) -> None:
    words = (
        "Maps: root mean square of the features over channels, dark is little; below each, its "
        "range from dark to light.\nRight: a mark for each test image; the lines are medians, the "
        "rings the scene on the left. The α of a DMSSRM sum to 1."
    )
    figure.supxlabel(words, fontsize=FONT, x=0.01, ha="left")
