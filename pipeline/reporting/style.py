"""The style of all figures: colors, marks, texts, and files that come out the same again."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.config.experiment import load_methods
from pipeline.files import atomic_file
from pipeline.reporting.headings import score_heading, shown_metrics

SERIES = re.compile(r"DMTNet-[TSBLH]")
"""Rows of the paper's series, from no DMSSRM to four."""

BLUE, ORANGE, GREEN, RED, GRAY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#7a7a7a"
"""Colors that color-blind readers can tell apart (Okabe and Ito 2008), and a gray."""

OURS, OTHERS = RED, BLUE
"""Of the paper's series, and of all other methods."""

SCALE_COLORS, SCALE_MARKERS = (BLUE, ORANGE, GREEN, RED), ("o", "s", "^", "D")
"""By scale of a DMSSRM, the finest first; marks, so that no reader depends on colors."""

MAP = "viridis"
"""Color map of errors, features and ordered series: dark is little, in color and in gray."""

FONT = 8.0
"""Size of small text, in points."""

ENDINGS = (".png", ".svg", ".pdf")

_TITLE_PER_INCH = 11
"""Characters."""

_STYLE = {
    "svg.hashsalt": "dmtbench",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.parse_math": False,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": "0.92",
}
_UNDATED: dict[str, dict[str, Any]] = {
    ".png": {"metadata": {"Software": None}, "dpi": 200},
    ".svg": {"metadata": {"Date": None}, "dpi": 200},
    ".pdf": {"metadata": {"CreationDate": None, "ModDate": None}, "dpi": 200},
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Matplotlib's parameters while a figure is drawn and saved."""
    import seaborn
    from matplotlib import rc_context

    style: Any = {**seaborn.axes_style("whitegrid"), **_STYLE}
    with rc_context(style):
        yield


def map_colors(count: int) -> list[Any]:
    """Colors of an ordered series, from dark to light."""
    from matplotlib import colormaps

    return [*colormaps[MAP].resampled(count + 1).colors[:count]]  # type: ignore[attr-defined]


@cache
def psnr_label(what: str) -> str:
    """Label of an axis: name, unit and direction of PSNR as its module declares them.

    Args:
        what: goes before the name, e.g. `Validation`.

    Raises:
        ConfigError: the module breaks the contract.

    >>> psnr_label("Validation")
    'Validation PSNR (dB) ↑'
    """
    return f"{what} {score_heading('psnr', shown_metrics(load_methods().metrics))}"


def put_title(figure: Any, title: str) -> None:
    """Write a title above all panels of a figure, in several lines if it is narrow."""
    lines = textwrap.fill(title, int(_TITLE_PER_INCH * figure.get_figwidth()))
    figure.suptitle(lines, fontsize=10, fontweight="bold", x=0.01, ha="left")


def save_figure(figure: Any, stem: Path) -> list[Path]:
    """Write `stem.png`, `.svg` and `.pdf`; equal figures give equal bytes. Returns the paths.

    Raises:
        DataError: the folder is read-only or full.
    """
    paths = [stem.with_name(f"{stem.name}{ending}") for ending in ENDINGS]
    for path in paths:
        save_as(figure, path)
    return paths


def save_as(figure: Any, path: Path) -> None:
    """Write one file of a figure, in the format of its ending, which is one of `ENDINGS`.

    Raises:
        DataError: the folder is read-only or full.
    """
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], **_UNDATED[path.suffix])
