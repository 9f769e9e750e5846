"""The one renderer of result tables: CSV in full precision, Markdown and LaTeX to be read."""

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
from pipeline.reporting.published import PAPER_METRICS

_DIGITS = {"psnr": 2, "ssim": 3, "mae": 3}
_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
}


@dataclass(frozen=True)
class Column:
    """A column to be read: where it comes from, its heading, and how it is printed.

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
        if self.digits is None:
            return str(value)
        printed = f"{float(value) * self.scale:.{self.digits}f}"
        sd = row[f"{self.source}_sd"] if self.spread else None
        return printed if pd.isna(sd) else f"{printed} ± {sd:.{self.digits}f}"


def _quality(category: str, metric: str, spread: bool = False) -> Column:
    source, digits = f"{category}_{metric}", _DIGITS[metric]
    return Column(source, metric.upper(), category.capitalize(), digits, spread=spread)


_METHOD, _LABEL = Column("method", "Method"), Column("label", "Label")
_PARAMS = Column("params", "ours", "Params (M)", 2, 1e-6)
_FLOPS = (
    Column("flops_paper_g", "paper's rule", "FLOPs (G)", 2),
    Column("flops_fvcore_g", "fvcore", "FLOPs (G)", 2),
)
_TABLE1 = (
    _METHOD,
    _LABEL,
    *(_quality(category, metric) for category in CATEGORIES for metric in PAPER_METRICS),
    _PARAMS,
    Column("params_published_m", "published", "Params (M)", 2),
    *_FLOPS,
    Column("flops_published_g", "published", "FLOPs (G)", 2),
)
_TABLE2 = (
    _METHOD,
    Column("transformer", "Transformer"),
    Column("dynamic", "Dynamic"),
    Column("n_dmssrm", "DMSSRM"),
    Column("row", "Row"),
    _LABEL,
    _quality("combined", "psnr", spread=True),
    Column("combined_psnr_published", "PSNR published", "Combined", 2),
    _quality("combined", "ssim", spread=True),
    Column("combined_ssim_published", "SSIM published", "Combined", 3),
    _PARAMS,
    *_FLOPS,
)
_GROUPS = (
    _METHOD,
    _LABEL,
    Column("group", "Group"),
    Column("n_images", "Images"),
    *(Column(metric, metric.upper(), "", _DIGITS[metric]) for metric in PAPER_METRICS),
)


def readable_columns(frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of `frame` that a reader needs; all of them for a table not known here."""
    for columns in (_TABLE2, _GROUPS, _TABLE1):
        if all(column.source in frame for column in columns):
            return columns
    return tuple(Column(name, name) for name in frame.columns)


def notes(frame: pd.DataFrame) -> list[str]:
    """What a reader must know about the labels and data sets in `frame`, one sentence each."""
    said = []
    if tables.PUBLISHED in set(frame["label"]):
        said.append("Rows labeled published were not run: their numbers are the paper's.")
    if tables.SURROGATE in set(frame["label"]):
        said.append(
            "Rows labeled surrogate were made with networks that stand in for methods whose "
            "publications do not describe them fully: they are no results of those methods."
        )
    pairs = frame[["label", "dataset"]].drop_duplicates().sort_values(["label", "dataset"])
    for label, dataset in pairs.itertuples(index=False):
        if label != "demo" and dataset == tables.CANON:
            continue
        nets = "narrow nets or controls on " if label == "demo" else ""
        said.append(
            f"Quality cells labeled {label} come from {nets}data set {dataset} and are not "
            "comparable with the published ones, measured on Canon DP."
        )
    run = frame[frame["label"] != tables.PUBLISHED]
    if "combined_lpips" in frame and run["combined_lpips"].isna().all():
        said.append("LPIPS: not computed; the result records say why.")
    if "params" in frame:
        said.append("Params and FLOPs are those of the full models, whatever the label.")
    return said


def markdown(frame: pd.DataFrame) -> str:
    """The readable columns of `frame` as a Markdown table, with the notes below it."""

    def escape(text: str) -> str:
        return text.replace("\\", "\\\\").replace("|", "\\|")

    columns = readable_columns(frame)
    cells = _cells(frame, columns, escape)
    lines = [[escape(column.title) for column in columns], *cells]
    widths = [max(3, *map(len, texts)) for texts in zip(*lines, strict=True)]
    numeric = [_is_number(frame, column) for column in columns]
    rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
    padded = [
        [t.rjust(w) if n else t.ljust(w) for t, w, n in zip(line, widths, numeric, strict=True)]
        for line in lines
    ]
    table = [f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:])]
    return "\n".join([*table, "", *map(escape, notes(frame))]) + "\n"


def latex(frame: pd.DataFrame) -> str:
    """The readable columns of `frame` as a booktabs `tabular` with the notes below it.

    It holds no float and no caption, so that a manuscript can `input` it into its own `table`.
    """
    columns = readable_columns(frame)
    kinds = "".join("r" if _is_number(frame, column) else "l" for column in columns)
    body = [" & ".join(line) + r" \\" for line in _cells(frame, columns, escape_latex)]
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{kinds}}}",
        "\\toprule",
        *_latex_groups(columns),
        " & ".join(escape_latex(column.heading) for column in columns) + r" \\",
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
        "\\par\\smallskip",
        "{\\footnotesize",
        *map(escape_latex, notes(frame)),
        "\\par}",
    ]
    return "\n".join(lines) + "\n"


def write_table(frame: pd.DataFrame, stem: Path) -> list[Path]:
    """Write `stem.csv` (every column, full precision), `stem.md` and `stem.tex` (to be read).

    PSNR has two decimals, SSIM and MAE three, as in the paper. Returns the three paths.

    Raises:
        DataError: the folder is read-only or full.
    """
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("csv", "md", "tex")]
    with atomic_file(paths[0]) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
    write_text(paths[1], markdown(frame))
    write_text(paths[2], latex(frame))
    return paths


def write_metrics(frame: pd.DataFrame, path: Path) -> None:
    """Write the combined PSNR (dB), SSIM and MAE of every method that was run, as JSON.

    The file serves `dvc metrics`: `{method: {"combined_psnr": …, …}}`.

    Raises:
        DataError: the folder is read-only or full.
    """
    names = [f"combined_{metric}" for metric in PAPER_METRICS if f"combined_{metric}" in frame]
    run = frame[frame["n_seeds"].notna()]
    metrics = {
        row["method"]: {name: row[name] for name in names if pd.notna(row[name])}
        for _, row in run.iterrows()
    }
    write_text(path, json.dumps(metrics, indent=2) + "\n")


def escape_latex(text: str) -> str:
    """`text` with every character that LaTeX reads as a command made harmless."""
    return "".join(_LATEX.get(char, char) for char in text)


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
