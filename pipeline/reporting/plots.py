"""Combined PSNR against parameters, in the manner of the paper's Figure 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.experiment import load_methods
from pipeline.config.methods import CONTROL
from pipeline.reporting import tables
from pipeline.reporting.headings import Metrics, score_heading
from pipeline.reporting.label_placement import Point, Polyline, place_labels, shown, spread
from pipeline.reporting.notes import experiments_of, marked
from pipeline.reporting.style import (
    FONT,
    GRAY,
    OTHERS,
    OURS,
    SERIES,
    figure_style,
    save_figure,
)

_PANEL, _AXIS, _HEIGHT = 6.2, 0.62, 4.8
_MARGIN, _GUTTER = 2.0, 0.2
_LEVEL_GAP, _LEVEL_ROOM = 0.056, 0.05
"""Shares of a panel: height of the name of a level, and width of the line that leads to it."""


def psnr_vs_params(table1: pd.DataFrame, stem: Path, metrics: Metrics) -> list[Path]:
    """Draw combined PSNR (dB) over parameters (10^6) of `table1` to `stem.png`, `.svg`, `.pdf`.

    The first panel holds the published points, with the DMTNet series connected, and our runs on
    Canon DP by `dpdd-16` next to them. Every other data set and protocol has its own panel, at
    the trained sizes, with the blurred input and the other parameter-free rows as lines.
    The same table gives the same bytes. `metrics` gives unit and direction. Returns the three
    paths.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    run = table1[table1["n_seeds"].notna()]
    same = (run["dataset"] == tables.CANON) & (run["protocol"] == tables.PROTOCOL)
    canon, others = run[same], [part for _, part in run[~same].groupby(["dataset", "protocol"])]
    margins = [_MARGIN if len(_flat(part)) else _GUTTER for part in (canon, *others)]
    with figure_style():
        figure = Figure(figsize=(sum(margins) + _PANEL * len(margins), _HEIGHT))
        axes = _panels(figure, margins)
        _published_panel(axes[0], table1, canon)
        for panel, part in zip(axes[1:], others, strict=True):
            _own_panel(panel, part)
        for name in experiments_of(table1):
            figure.text(0.004, 0.01, f"Experiment: {name}", fontsize=FONT, color=GRAY)
        for panel in axes:
            panel.set_ylabel(f"Combined {score_heading('psnr', metrics)}")
        return save_figure(figure, stem)


def _panels(figure: Any, margins: Sequence[float]) -> list[Any]:
    """One set of axes for each right margin, in inches."""
    width, panels, left = figure.get_figwidth(), [], 0.0
    for margin in margins:
        start, wide = (left + _AXIS) / width, (_PANEL - _AXIS) / width
        panels.append(figure.add_axes((start, 0.12, wide, 0.78)))
        left += _PANEL + margin
    return panels


def _flat(part: pd.DataFrame) -> pd.DataFrame:
    """Rows without learned parameters: levels to beat, not points."""
    return part[(part["trained_params"] == 0) | (part["kind"] == CONTROL)]


def _published_panel(axes: Any, table1: pd.DataFrame, run: pd.DataFrame) -> None:
    known = table1.dropna(subset=["params_published_m", "combined_psnr_published"])
    published = _points(
        known, known["params_published_m"], "combined_psnr_published", names=known["method"]
    )
    ours = _trained(run)
    levels = _levels_of(run)
    axes.set_title("As published, Canon DP")
    axes.set_xlabel("Parameters (M)")
    _limits(axes, [*published, *ours, *levels])
    lines = [_draw(axes, published, "o", filled=True), _draw(axes, ours, "D", filled=False)]
    lines += _levels(axes, levels)
    if ours:
        _key(axes)
    named = {point.text for point in published}
    unnamed = [replace(point, text="") if point.text in named else point for point in ours]
    place_labels(axes, [*published, *unnamed], [line for line in lines if line], FONT)


def _own_panel(axes: Any, part: pd.DataFrame) -> None:
    points, levels = _trained(part), _levels_of(part)
    labels = ", ".join(sorted(set(part["label"]))).capitalize()
    dataset, protocol = part["dataset"].iloc[0], part["protocol"].iloc[0]
    by = "" if protocol == tables.PROTOCOL else f"\nby {protocol}"
    axes.set_title(f"{labels}: data set “{dataset}”, not comparable{by}")
    axes.set_xlabel("Trained parameters (M)")
    _limits(axes, [*points, *levels])
    lines = [_draw(axes, points, "o", filled=True), *_levels(axes, levels)]
    place_labels(axes, points, [line for line in lines if line], FONT)


def _trained(part: pd.DataFrame) -> list[Point]:
    rows = part.drop(_flat(part).index)
    return _points(rows, rows["trained_params"].astype(float) / 1e6, "combined_psnr")


def _levels_of(part: pd.DataFrame) -> list[Point]:
    rows = _flat(part)
    return _points(rows, rows["trained_params"].astype(float), "combined_psnr")


def _points(
    rows: pd.DataFrame, sizes: pd.Series, column: str, names: Iterable[str] | None = None
) -> list[Point]:
    """Points with the names of their rows, or with `names`; a stale row has a mark."""
    texts = [marked(row) for _, row in rows.iterrows()] if names is None else names
    return [
        Point(float(x), float(y), text, OURS if SERIES.fullmatch(name) else OTHERS)
        for x, y, name, text in zip(sizes, rows[column], rows["method"], texts, strict=True)
        if pd.notna(x) and pd.notna(y)
    ]


def _limits(axes: Any, points: Sequence[Point]) -> None:
    """Limits with room for labels, from zero parameters on."""
    widest = max((point.x for point in points), default=0.0) or 1.0
    heights = [point.y for point in points] or [0.0]
    room = 0.09 * (max(heights) - min(heights)) or 0.5
    axes.set_xlim(-0.04 * widest, 1.18 * widest)
    axes.set_ylim(min(heights) - room, max(heights) + room)


def _draw(axes: Any, points: Sequence[Point], marker: str, *, filled: bool) -> Any:
    """Markers, and the DMTNet series joined by a line, which is returned as a polyline."""
    import seaborn

    series = sorted((p.x, p.y) for p in points if p.color == OURS)
    if series:
        style = "-" if filled else ":"
        axes.plot(*zip(*series, strict=True), style, color=OURS, lw=1.4, alpha=0.8, zorder=2)
    for color in (OTHERS, OURS):
        chosen = [point for point in points if point.color == color]
        seaborn.scatterplot(
            x=[point.x for point in chosen],
            y=[point.y for point in chosen],
            marker=marker,
            s=42,
            facecolor=color if filled else "white",
            edgecolor="white" if filled else color,
            linewidth=0.8 if filled else 1.4,
            ax=axes,
            zorder=3,
            legend=False,
        )
    return series


def _key(axes: Any) -> None:
    from matplotlib.lines import Line2D

    common: dict[str, Any] = {"color": "none", "markersize": 6.5}
    handles = [
        Line2D([], [], marker="o", mfc="0.35", mec="white", label="published", **common),
        Line2D([], [], marker="D", mfc="white", mec="0.35", label="run here", **common),
    ]
    axes.legend(handles=handles, loc="lower right", fontsize=FONT, frameon=False)


def _levels(axes: Any, levels: Sequence[Point]) -> list[Polyline]:
    """Horizontal lines, named in the right margin where the names cannot hide points."""
    blurred = load_methods().entry("input").row
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    heights = spread([level.y for level in levels], _LEVEL_GAP * (high - low), low, high)
    for level, height in zip(levels, heights, strict=True):
        is_input = level.text.startswith(blurred)
        color = "black" if is_input else GRAY
        axes.axhline(
            level.y, ls="--" if is_input else ":", lw=1.2 if is_input else 0.9, color=color
        )
        axes.annotate(
            shown(level.text.removeprefix("Control: ")),
            (1.0, level.y),
            xytext=(1 + _LEVEL_ROOM, height),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=FONT - 0.5,
            color=color,
            arrowprops={
                **{"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 1, "shrinkB": 0},
                # To the left end of the name; to its middle, the line would cross other names.
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )
    return [[(left, level.y), (right, level.y)] for level in levels]
