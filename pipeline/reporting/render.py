"""The one renderer of result tables: CSV in full precision, Markdown and LaTeX for readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from pipeline.files import atomic_file, write_text
from pipeline.records import CATEGORIES
from pipeline.reporting import tables
from pipeline.reporting.blocks import blocks
from pipeline.reporting.escapes import escape_latex, escape_markdown
from pipeline.reporting.headings import Metrics, score_heading
from pipeline.reporting.notes import experiments_of, marked, notes
from pipeline.reporting.published import PAPER_METRICS

_DIGITS = {"psnr": 2, "ssim": 3, "mae": 3}


@dataclass(frozen=True)
class Column:
    """A column for readers: where it comes from, its heading, and how it is printed.

    `digits` is `None` for text and whole numbers. `spread` appends the standard deviation.
    """

    source: str
    heading: str
    group: str = ""
    digits: int | None = None
    scale: float = 1.0
    spread: bool = False

    @property
    def title(self) -> str:
        """Group and heading in one line."""
        return f"{self.group} {self.heading}".strip()

    def text(self, row: pd.Series) -> str:
        """The printed cell; a dash where there is nothing."""
        value = row[self.source]
        if pd.isna(value) or value == "":
            return "–"
        if self.source == "label" and row.get("standing") == tables.STALE:
            return f"{value} ({tables.STALE})"
        if self.digits is None:
            return str(value)
        printed = f"{float(value) * self.scale:.{self.digits}f}"
        sd = row[f"{self.source}_sd"] if self.spread else None
        return printed if pd.isna(sd) else f"{printed} ± {sd:.{self.digits}f}"


def _score(category: str, metric: str, metrics: Metrics, spread: bool = False) -> Column:
    return Column(
        source=f"{category}_{metric}",
        heading=score_heading(metric, metrics),
        group=category.capitalize(),
        digits=_DIGITS[metric],
        spread=spread,
    )


def _published(metric: str, metrics: Metrics) -> Column:
    return Column(
        source=f"combined_{metric}_published",
        heading=score_heading(metric, metrics, "published"),
        group="Combined",
        digits=_DIGITS[metric],
    )


_METHOD, _LABEL = Column("method", "Method"), Column("label", "Label")
_PARAMS = Column("params", "ours", "Params (M)", 2, 1e-6)
_FLOPS = (
    Column("flops_paper_g", "paper's rule", "FLOPs (G)", 2),
    Column("flops_fvcore_g", "fvcore", "FLOPs (G)", 2),
)


def _table1(metrics: Metrics) -> tuple[Column, ...]:
    return (
        _METHOD,
        _LABEL,
        *(_score(category, metric, metrics) for category in CATEGORIES for metric in PAPER_METRICS),
        _PARAMS,
        Column("params_published_m", "published", "Params (M)", 2),
        *_FLOPS,
        Column("flops_published_g", "published", "FLOPs (G)", 2),
    )


def _table2(metrics: Metrics) -> tuple[Column, ...]:
    return (
        _METHOD,
        Column("transformer", "Transformer"),
        Column("dynamic", "Dynamic"),
        Column("n_dmssrm", "DMSSRM"),
        Column("row", "Row"),
        _LABEL,
        _score("combined", "psnr", metrics, spread=True),
        _published("psnr", metrics),
        _score("combined", "ssim", metrics, spread=True),
        _published("ssim", metrics),
        _PARAMS,
        *_FLOPS,
    )


def _groups(metrics: Metrics) -> tuple[Column, ...]:
    return (
        _METHOD,
        _LABEL,
        Column("group", "Group"),
        Column("n_images", "Images"),
        *(
            Column(metric, score_heading(metric, metrics), "", _DIGITS[metric])
            for metric in PAPER_METRICS
        ),
    )


def readable_columns(frame: pd.DataFrame, metrics: Metrics) -> tuple[Column, ...]:
    """The columns of `frame` that a reader needs; all of them for a table not known here."""
    for columns in (_table2(metrics), _groups(metrics), _table1(metrics)):
        if all(column.source in frame for column in columns):
            return columns
    return tuple(Column(name, name) for name in frame.columns)


def markdown(frame: pd.DataFrame, metrics: Metrics) -> str:
    """The readable columns of `frame` as a Markdown table per block, with the notes below."""
    columns = readable_columns(frame, metrics)
    numeric = [_is_number(frame, column) for column in columns]
    headings = [escape_markdown(column.title) for column in columns]
    lines: list[str] = []
    for block in blocks(frame):
        lines += [f"{escape_markdown(block.title)}:", ""] if block.title else []
        cells = _cells(block.frame, columns, escape_markdown)
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


def latex(frame: pd.DataFrame, metrics: Metrics) -> str:
    """The readable columns of `frame` as a booktabs `tabular` per block, with the notes below.

    It holds no float and no caption, so that a manuscript can `input` it into its own `table`.
    """
    columns = readable_columns(frame, metrics)
    kinds = "".join("r" if _is_number(frame, column) else "l" for column in columns)
    lines = ["% needs \\usepackage{booktabs}"]
    for block in blocks(frame):
        if block.title:
            lines += [f"\\textbf{{{escape_latex(block.title)}}}", "\\par\\smallskip"]
        lines += [
            f"\\begin{{tabular}}{{{kinds}}}",
            "\\toprule",
            *_latex_groups(columns),
            " & ".join(escape_latex(column.heading) for column in columns) + r" \\",
            "\\midrule",
            *(" & ".join(line) + r" \\" for line in _cells(block.frame, columns, escape_latex)),
            "\\bottomrule",
            "\\end{tabular}",
            "\\par\\smallskip",
        ]
    lines += [
        "{\\footnotesize",
        *map(escape_latex, notes(frame)),
        "\\par}",
    ]
    return "\n".join(lines) + "\n"


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


def _is_number(frame: pd.DataFrame, column: Column) -> bool:
    return column.digits is not None or pd.api.types.is_numeric_dtype(frame[column.source])


def _cells(
    frame: pd.DataFrame, columns: Sequence[Column], escape: Callable[[str], str]
) -> list[list[str]]:
    return [[escape(column.text(row)) for column in columns] for _, row in frame.iterrows()]


def _latex_groups(columns: Sequence[Column]) -> list[str]:
    """The heading line above the headings, and the rules below its groups."""
    heads, rules, start = [], [], 1
    for group, members in groupby(columns, key=lambda column: column.group):
        width = len(list(members))
        if group:
            heads.append(f"\\multicolumn{{{width}}}{{c}}{{{escape_latex(group)}}}")
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        else:
            heads.extend([""] * width)
        start += width
    return [" & ".join(heads) + r" \\", " ".join(rules)] if rules else []
