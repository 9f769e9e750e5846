"""Selection weights of a study: how they are distributed over images, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.reporting.style import (
    FONT,
    SCALE_COLORS,
    SCALE_MARKERS,
    figure_style,
    put_title,
    save_figure,
)

_PANEL, _ROW, _MARGIN = 3.6, 2.4, 0.7
"""Inches: width and height of a panel, and height of what is above and below all of them."""

_COLUMNS = 3
_LOW, _HIGH = 0.05, 0.95
_LOGARITHMIC = 0.02
"""Below this, weights need a logarithmic axis."""


def selection_plot(
    weights: pd.DataFrame, rows: Mapping[str, str], stem: Path, *, nothing: float
) -> list[Path]:
    """Draw the selection weights of every network to `stem.png`, `.svg`, `.pdf`.

    A panel for each method; in it, for each DMSSRM and scale, one mark per seed: the median over
    test images, with a bar from their 5 to their 95 % quantile. The same table gives the same
    bytes. Returns the three paths.

    Args:
        weights: `method,repetition,scene,dmssrm,scale,alpha`.
        rows: labels of the methods.
        nothing: a weight below it is almost nothing; a line shows it on a logarithmic axis.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    methods = [*weights["method"].drop_duplicates()]
    columns = max(1, min(_COLUMNS, len(methods)))
    lines = max(1, -(-len(methods) // columns))
    scales = int(weights["scale"].max()) if len(weights) else 1
    logarithmic = len(weights) > 0 and weights["alpha"].min() < _LOGARITHMIC
    with figure_style():
        size = (_PANEL * columns, _ROW * lines + _MARGIN)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
        for panel, method in zip(grid.flat, methods, strict=False):
            _draw(panel, weights[weights["method"] == method], scales)
            panel.set_title(rows.get(method, method))
            if logarithmic:
                panel.set_yscale("log")
                panel.yaxis.set_major_formatter("{x:g}")
                panel.axhline(nothing, color="black", lw=0.8, ls=":")
        for panel in [*grid.flat][len(methods) :]:
            panel.set_visible(False)
        for panel in [*grid.flat][max(0, len(methods) - columns) : len(methods)]:
            panel.set_xlabel("DMSSRM, from the first")
        _label(figure, weights, scales, nothing=nothing if logarithmic else None)
        return save_figure(figure, stem)


def _draw(axes: Any, weights: pd.DataFrame, scales: int) -> None:
    seeds, modules = sorted(weights["repetition"].unique()), int(weights["dmssrm"].max())
    step = 0.8 / (scales * len(seeds) + scales - 1)
    for (module, scale, seed), own in weights.groupby(["dmssrm", "scale", "repetition"]):
        place = module - 0.4 + step * ((scale - 1) * (len(seeds) + 1) + seeds.index(seed) + 0.5)
        low, middle, high = own["alpha"].quantile([_LOW, 0.5, _HIGH])
        color = SCALE_COLORS[(scale - 1) % len(SCALE_COLORS)]
        axes.plot([place, place], [low, high], color=color, lw=1.6, alpha=0.6)
        marker = SCALE_MARKERS[(scale - 1) % len(SCALE_MARKERS)]
        axes.plot([place], [middle], marker, color=color, ms=3.2, mec="black", mew=0.3)
    axes.set_xlim(0.5, modules + 0.5)
    axes.set_xticks(range(1, modules + 1))
    axes.grid(axis="x", visible=False)
    for border in range(1, modules):
        axes.axvline(border + 0.5, color="0.88", lw=0.8)


def _label(figure: Any, weights: pd.DataFrame, scales: int, *, nothing: float | None) -> None:
    from matplotlib.lines import Line2D

    seeds, scenes = weights["repetition"].nunique(), weights["scene"].nunique()
    title = f"Selection weights: {scenes} test images, a mark for each of {seeds} seeds"
    put_title(figure, title)
    figure.supylabel("Weight of a scale: median, 5 to 95 %", fontsize=9)
    names = {0: " (finest)", scales - 1: " (coarsest)"}
    handles = [
        Line2D(
            *([], []),
            color=SCALE_COLORS[scale % len(SCALE_COLORS)],
            marker=SCALE_MARKERS[scale % len(SCALE_MARKERS)],
            ms=4,
            label=f"scale {scale + 1}{names.get(scale, '') if scales > 1 else ''}",
        )
        for scale in range(scales)
    ]
    if nothing is not None:
        handles.append(Line2D([], [], color="black", lw=0.8, ls=":", label=f"{nothing:g}"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=FONT,
        frameon=False,
    )
