"""Quality against compute in a study: along and between trainings, and against a forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.reporting.study_curves import MARKERS
from pipeline.reporting.style import FONT, figure_style, map_colors, psnr_label, save_figure

_SIZE = (10.5, 4.6)
"""Inches."""

_KEY_COLUMNS = 4
_TICKS = (1.0, 2.0, 5.0)
"""In each decade."""


def scaling_plot(
    points: pd.DataFrame, bands: pd.DataFrame, tests: pd.DataFrame, stem: Path
) -> list[Path]:
    """Draw PSNR over multiply-accumulates to `stem.png`, `.svg`, `.pdf`.

    Left: validation PSNR over the compute of the training, with the fit through the best networks
    and that through the ends of the trainings. Right: test PSNR over a forward pass, with the line
    through it. Bands are 95 % over resampled seeds, bars the range of the seeds. The same tables
    give the same bytes. Returns the three paths.

    Args:
        points: `method,row,compute,psnr,low,high`, in the order of the series.
        bands: `view,method,compute,psnr,low,high`.
        tests: as `points`, one for each network.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    with figure_style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        left, right = figure.subplots(1, 2)
        _points(left, points, "-")
        _points(right, tests, "")
        _band(left, bands[bands["view"] == "frontier"], "fit through the best networks", "-")
        _band(left, bands[bands["view"] == "ends"], "fit through the ends", "--")
        _band(right, bands[bands["view"] == "test"], "line through the networks", "-")
        left.set_title("Validation, along the trainings")
        left.set_xlabel("Multiply-accumulates of the training")
        left.set_ylabel(psnr_label("Validation"))
        right.set_title("Test, ends of the trainings")
        right.set_xlabel("Multiply-accumulates of a crop's forward pass")
        right.set_ylabel(psnr_label("Test"))
        for axes in (left, right):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=_TICKS))
            axes.xaxis.set_major_formatter("{x:.0e}")
            axes.xaxis.set_minor_locator(NullLocator())
        _key(figure, (left, right))
        return save_figure(figure, stem)


def _key(figure: Any, panels: tuple[Any, ...]) -> None:
    """One legend below both panels, where it hides no point; each label once."""
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        figure.legend(
            handles=[*named.values()],
            labels=[*named],
            loc="outside lower center",
            ncols=_KEY_COLUMNS,
            fontsize=FONT,
            frameon=False,
        )


def _points(axes: Any, points: pd.DataFrame, line: str) -> None:
    rows = [*points["row"].drop_duplicates()]
    for row, color in zip(rows, map_colors(len(rows)), strict=True):
        own = points[points["row"] == row]
        reach = [own["psnr"] - own["low"], own["high"] - own["psnr"]]
        marker = MARKERS["TSBLH".index(row[-1])]
        axes.errorbar(
            own["compute"],
            own["psnr"],
            yerr=reach,
            color=color,
            marker=marker,
            ms=4.5,
            ls=line,
            lw=0.7,
            elinewidth=0.7,
            label=row,
            zorder=3,
        )


def _band(axes: Any, band: pd.DataFrame, label: str, line: str) -> None:
    if band.empty:
        return
    axes.fill_between(
        band["compute"], band["low"], band["high"], color="0.3", alpha=0.18, lw=0, zorder=1
    )
    axes.plot(band["compute"], band["psnr"], line, color="0.15", lw=1.4, label=label, zorder=2)
