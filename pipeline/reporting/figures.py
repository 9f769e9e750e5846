"""What all figures of reports share: their style, and files that come out the same again."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.files import atomic_file

SERIES = re.compile(r"DMTNet-[TSBLH]")
"""Rows of the paper's series, from no DMSSRM to four."""

BLUE, ORANGE, GREEN, RED, GRAY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#7a7a7a"
"""Colors that color-blind readers can tell apart (Okabe and Ito 2008), and a gray."""

FONT = 8.0
"""Size of small text, in points."""

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
    "png": {"metadata": {"Software": None}, "dpi": 200},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None, "ModDate": None}},
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Matplotlib's parameters while a figure is drawn and saved."""
    import seaborn
    from matplotlib import rc_context

    style: Any = {**seaborn.axes_style("whitegrid"), **_STYLE}
    with rc_context(style):
        yield


def put_title(figure: Any, title: str) -> None:
    """Write a title above all panels of a figure, in several lines if it is narrow."""
    lines = textwrap.fill(title, int(_TITLE_PER_INCH * figure.get_figwidth()))
    figure.suptitle(lines, fontsize=10, fontweight="bold", x=0.01, ha="left")


def save_figure(figure: Any, stem: Path) -> list[Path]:
    """Write `stem.png`, `.svg` and `.pdf`; equal figures give equal bytes. Returns the paths.

    Raises:
        DataError: the folder is read-only or full.
    """
    paths = []
    for ending, options in _UNDATED.items():
        path = stem.with_name(f"{stem.name}.{ending}")
        with atomic_file(path) as temporary:
            figure.savefig(temporary, format=ending, **options)
        paths.append(path)
    return paths
