"""Forest plot of a study: each paired difference with its intervals, next to the paper's."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.reporting.style import (
    BLUE,
    FONT,
    GRAY,
    RED,
    figure_style,
    psnr_label,
    save_figure,
)
from pipeline.statistics.power import LEVEL

_WIDTH, _ROW, _MARGINS = 11.0, 0.5, 1.15
"""Inches."""

_LEFT, _RIGHT = 0.44, 0.19
"""Shares of the width for the names of pairs and for the verdicts."""

_LONGEST = 72
_T, _SHARED = -0.12, 0.16
"""Heights of the two intervals within a row, from its middle down."""


def forest(frame: pd.DataFrame, stem: Path) -> list[Path]:
    """Draw the pairs of `ablation.csv` to `stem.png`, `.svg`, `.pdf`, the first on top.

    Dots are mean differences in dB (filled: Holm-adjusted p below 0.05), bars the 95 % t-interval
    over seeds, thin bars the bootstrap over seeds and images, diamonds the paper's differences.
    The same table gives the same bytes. Returns the three paths.

    Args:
        frame: columns `claim,question,one,other,difference,low,high,p_holm,boot_low,boot_high`,
            `published,verdict`; `seeds` and `scenes` are shown. `one` and `other` are labels.

    Raises:
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    with figure_style():
        height = _MARGINS + _ROW * max(1, len(frame))
        figure = Figure(figsize=(_WIDTH, height))
        above, below = 0.4 / height, 0.75 / height
        axes = figure.add_axes((_LEFT, below, 1 - _LEFT - _RIGHT, 1 - above - below))
        for place, (_, row) in enumerate(frame.iterrows()):
            _draw(axes, place, row)
        axes.axvline(0, color="black", lw=0.9, zorder=1)
        axes.set_ylim(max(1, len(frame)) - 0.5, -0.5)
        axes.set_yticks(range(len(frame)), [_name(row) for _, row in frame.iterrows()])
        axes.tick_params(axis="y", length=0, labelsize=FONT)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(psnr_label("Difference in test"))
        axes.set_title(_title(frame))
        _key(figure, below)
        return save_figure(figure, stem)


def _draw(axes: Any, place: int, row: pd.Series) -> None:
    found = row["p_holm"] < LEVEL
    color = BLUE if found else GRAY
    if place % 2 == 0:
        axes.axhspan(place - 0.5, place + 0.5, color="0.965", lw=0, zorder=0)
    axes.plot([row["low"], row["high"]], [place + _T] * 2, color=color, lw=2.4, zorder=3)
    bootstrap = [row["boot_low"], row["boot_high"]]
    axes.plot(bootstrap, [place + _SHARED] * 2, color=color, lw=1.0, zorder=3)
    axes.plot(
        [row["difference"]],
        [place + _T],
        "o",
        ms=6.5,
        mfc=color if found else "white",
        mec=color,
        mew=1.4,
        zorder=4,
    )
    if pd.notna(row["published"]):
        axes.plot([row["published"]], [place + _SHARED], "D", ms=5, mfc="white", mec=RED, zorder=5)
    axes.text(
        1.02,
        place,
        textwrap.fill(str(row["verdict"]), 28),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=FONT,
        color="black" if found else "0.35",
    )


def _name(row: pd.Series) -> str:
    """What is asked, and below it the two rows."""
    parts = [str(row[name]) for name in ("claim", "question") if pd.notna(row[name])]
    lines = [": ".join(part for part in parts if part), f"{row['one']} − {row['other']}"]
    return "\n".join(textwrap.shorten(line, _LONGEST, placeholder=" …") for line in lines if line)


def _title(frame: pd.DataFrame) -> str:
    parts = ["Paired differences"]
    for name in ("seeds", "scenes"):
        values = {str(value) for value in frame[name].dropna()}
        parts += [f"{values.pop()} {name}"] if len(values) == 1 else []
    return ", ".join(parts)


def _key(figure: Any, below: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", color=BLUE, lw=2.4, label="mean, 95 % t-interval over seeds"),
        Line2D([], [], color=BLUE, lw=1.0, label="bootstrap over seeds and images"),
        Line2D(
            *([], []),
            marker="o",
            color=GRAY,
            mfc="white",
            lw=2.4,
            label=f"Holm-adjusted p of {LEVEL:g} or more",
        ),
        Line2D([], [], marker="D", color="none", mfc="white", mec=RED, label="the paper"),
    ]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=4,
        fontsize=FONT,
        frameon=False,
        bbox_to_anchor=(0.5, 0.0),
    )
