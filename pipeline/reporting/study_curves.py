"""Learning curves of a study: mean and range over seeds, the series together, each other apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.reporting.style import (
    BLUE,
    FONT,
    GRAY,
    SERIES,
    figure_style,
    map_colors,
    psnr_label,
    put_title,
    save_figure,
)

REFERENCE = "DMTNet-B"
"""Row that every variant is compared with."""

MARKERS = ("v", "s", "o", "D", "^")
"""Of the series from T to H, so that it can be read without colors."""

_PANEL, _ROW, _MARGIN = 3.4, 2.5, 0.6
"""Inches: width and height of a panel, and height of what is above and below all of them."""

_COLUMNS = 3
_BEGINNING, _ROOM = 0.4, 0.06
_KEY: dict[str, Any] = {
    "fontsize": FONT - 1,
    "frameon": False,
    "loc": "lower right",
    "labelspacing": 0.2,
}
_LONGEST = 40


def learning_curves(curves: pd.DataFrame, rows: Mapping[str, str], stem: Path) -> list[Path]:
    """Draw validation PSNR (dB) over crops seen to `stem.png`, `.svg`, `.pdf`.

    Lines are means over seeds; bands reach from the least to the largest seed. The first panel has
    DMTNet-T to H; each other method has one of its own, with DMTNet-B in gray. The same table gives
    the same bytes. Returns the three paths.

    Args:
        curves: `method,repetition,samples,val_psnr`.
        rows: labels of the methods; those without one are left out.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    shown = [method for method in curves["method"].drop_duplicates() if method in rows]
    series = sorted(
        (method for method in shown if SERIES.fullmatch(rows[method])),
        key=lambda method: "TSBLH".index(rows[method][-1]),
    )
    others = [method for method in shown if method not in series]
    reference = next((method for method in series if rows[method] == REFERENCE), None)
    panels = max(1, len(others) + bool(series))
    columns = min(_COLUMNS, panels)
    lines = -(-panels // columns)
    with figure_style():
        size = (_PANEL * columns, _ROW * lines + _MARGIN)
        figure = Figure(figsize=size, layout="constrained")
        axes = [*figure.subplots(lines, columns, squeeze=False).flat]
        if series:
            _series(axes[0], curves, {method: rows[method] for method in series})
            axes[0].set_ylim(_heights(curves, series))
        for place, method in enumerate(others):
            panel = axes[place + bool(series)]
            _one(panel, curves, method, reference)
            panel.set_title(_short(rows[method]))
            panel.set_ylim(_heights(curves, [*others, *([reference] if reference else [])]))
            if place == 0:
                panel.legend(**_KEY)
        for panel in axes[panels:]:
            panel.set_visible(False)
        _label(figure, seeds=curves["repetition"].nunique())
        return save_figure(figure, stem)


def _heights(curves: pd.DataFrame, methods: Sequence[str]) -> tuple[float, float]:
    """Limits for all seeds of these methods, but not for the beginning, where PSNR is far lower."""
    own = curves[curves["method"].isin(methods)]
    late = own[own["samples"] >= _BEGINNING * own.groupby("method")["samples"].transform("max")]
    low, high = late["val_psnr"].min(), late["val_psnr"].max()
    room = _ROOM * (high - low) or _ROOM
    return low - room, high + room


def _series(axes: Any, curves: pd.DataFrame, rows: Mapping[str, str]) -> None:
    colors = map_colors(len(rows))
    for (method, row), color in zip(rows.items(), colors, strict=True):
        marker = MARKERS["TSBLH".index(row[-1])]
        _curve(axes, curves, method, color=color, marker=marker, label=row)
    axes.set_title(f"{next(iter(rows.values()))} to {[*rows.values()][-1][-1]}")
    axes.legend(**{**_KEY, "loc": "best"})


def _one(axes: Any, curves: pd.DataFrame, method: str, reference: str | None) -> None:
    if reference is not None:
        _curve(axes, curves, reference, color=GRAY, marker="", label=REFERENCE)
    _curve(axes, curves, method, color=BLUE, marker="o", label="the network of the title")


def _curve(
    axes: Any, curves: pd.DataFrame, method: str, *, color: Any, marker: str, label: str
) -> None:
    seeds = curves[curves["method"] == method].groupby("samples")["val_psnr"]
    found = seeds.agg(["mean", "min", "max"])
    crops = found.index.to_numpy() / 1000
    axes.fill_between(crops, found["min"], found["max"], color=color, alpha=0.18, lw=0)
    axes.plot(crops, found["mean"], color=color, marker=marker, ms=3.5, lw=1.3, label=label, mew=0)


def _label(figure: Any, *, seeds: int) -> None:
    figure.supxlabel("Crops seen (thousands)", fontsize=9)
    figure.supylabel(psnr_label("Validation"), fontsize=9)
    words = "1 seed" if seeds == 1 else f"mean, least and largest of {seeds} seeds"
    title = f"Learning curves: {words}; the first {_BEGINNING:.0%} of a training may be cut off"
    put_title(figure, title)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
