"""The one renderer of result tables: CSV in full precision, Markdown and LaTeX for readers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.files import atomic_file, write_text
from pipeline.reporting.blocks import blocks
from pipeline.reporting.columns import readable_columns
from pipeline.reporting.escapes import escape_markdown
from pipeline.reporting.headings import Metrics
from pipeline.reporting.latex import latex
from pipeline.reporting.notes import experiments_of, marked, notes
from pipeline.reporting.published import PAPER_METRICS


def markdown(frame: pd.DataFrame, metrics: Metrics) -> str:
    """The readable columns of `frame` as a Markdown table per block, with the notes below."""
    columns = readable_columns(frame, metrics)
    numeric = [column.is_number(frame) for column in columns]
    headings = [escape_markdown(column.title) for column in columns]
    lines: list[str] = []
    for block in blocks(frame):
        lines += [f"{escape_markdown(block.title)}:", ""] if block.title else []
        cells = [
            [escape_markdown(column.text(row)) for column in columns]
            for _, row in block.frame.iterrows()
        ]
        lines += [*markdown_table(headings, cells, numeric), ""]
    return "\n".join([*lines, *map(escape_markdown, notes(frame))]) + "\n"


def markdown_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> list[str]:
    """The lines of a Markdown table whose columns are aligned; texts must be escaped.

    >>> print(*markdown_table(["Row", "dB"], [["S", "22.70"]], [False, True]), sep="\\n")
    | Row |    dB |
    | --- | ----: |
    | S   | 22.70 |
    """
    lines = [headings, *rows]
    widths = [max(3, *map(len, texts)) for texts in zip(*lines, strict=True)]
    rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
    padded = [
        [t.rjust(w) if n else t.ljust(w) for t, w, n in zip(line, widths, numeric, strict=True)]
        for line in lines
    ]
    return [f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:])]


def write_table(frame: pd.DataFrame, stem: Path, metrics: Metrics) -> list[Path]:
    """Write `stem.csv` (every column, full precision), `stem.md` and `stem.tex` (for readers).

    PSNR has two decimals, SSIM and MAE three, as in the paper. `metrics` gives their units and
    directions. Returns the three paths.

    Raises:
        DataError: the folder is read-only or full.
    """
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("csv", "md", "tex")]
    with atomic_file(paths[0]) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
    write_text(paths[1], markdown(frame, metrics))
    write_text(paths[2], latex(frame, metrics))
    return paths


def write_metrics(frame: pd.DataFrame, path: Path) -> None:
    """Write the combined PSNR (dB), SSIM and MAE of every method that was run, as JSON.

    The file serves `dvc metrics`: `{experiment: {method: {"combined_psnr": …, …}}}`. The name of
    a stale row has a mark.

    Raises:
        DataError: the folder is read-only or full.
    """
    names = [f"combined_{metric}" for metric in PAPER_METRICS if f"combined_{metric}" in frame]
    run = frame[frame["n_seeds"].notna()]
    metrics = {
        marked(row): {name: row[name] for name in names if pd.notna(row[name])}
        for _, row in run.iterrows()
    }
    write_text(path, json.dumps({"".join(experiments_of(frame)): metrics}, indent=2) + "\n")
