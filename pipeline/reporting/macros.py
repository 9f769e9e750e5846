"""Every number of the tables as a LaTeX command, as the tables print it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from pipeline.errors import ConfigError, one_line
from pipeline.records import CATEGORIES
from pipeline.reporting import tables
from pipeline.reporting.columns import Column, digits_of
from pipeline.reporting.escapes import escape_latex
from pipeline.reporting.macro_names import macro_name
from pipeline.reporting.notes import experiments_of

_DETAILS = {
    "sd": "SD",
    "ci_lo": "CILow",
    "ci_hi": "CIHigh",
    "published": "Published",
    "diff": "Difference",
}
_SCORE = re.compile(rf"(?:({'|'.join(CATEGORIES)})_)?(.+?)(?:_({'|'.join(_DETAILS)}))?")
_TEXTS = (Column("label", "Label"), Column("dataset", "Dataset"), Column("n_seeds", "Seeds"))
_SIZES = (
    Column("trained_params", "TrainedParams"),
    Column("params", "Params", digits=2, scale=1e-6),
    Column("params_published_m", "ParamsPublished", digits=2),
    Column("flops_paper_g", "FLOPsPaperRule", digits=2),
    Column("flops_fvcore_g", "FLOPsFvcore", digits=2),
    Column("flops_published_g", "FLOPsPublished", digits=2),
)


class Macro(NamedTuple):
    """A command: its name, its text in LaTeX, and where it comes from."""

    name: str
    text: str
    source: str


@dataclass(frozen=True)
class ValueTable:
    """A table whose numbers become commands.

    `name`: of its file. `prefix`: of all names, such as `ablation`. `rows`: the column with the
    row labels.
    """

    name: str
    frame: pd.DataFrame
    prefix: str = ""
    rows: str = "method"


def values_tex(
    shown: Sequence[ValueTable],
    method_of: Callable[[str], str],
    records: Mapping[str, Sequence[str]],
) -> str:
    """The content of `values.tex`: a `newcommand` for every number in these tables.

    A row that was not run has published numbers only: nothing else bears the name of a result.

    Args:
        shown: the tables.
        method_of: gives the name of a command's row from its label in the table.
        records: paths of the result records behind a row, by its label.

    Raises:
        ConfigError: two numbers would have the same name.
    """
    lines = [
        *(f"% Experiment: {name}" for name in experiments_of(shown[0].frame)),
        "% Names: row, then category, metric, detail; digits are spelled. Params in millions,",
        "% FLOPs in billions. After a number: table, row and column, as `dmtbench why` takes them",
        "% (but for groups).",
    ]
    sources: dict[str, str] = {}
    for table in shown:
        for _, row in table.frame.iterrows():
            macros = [*_macros(table, row, method_of)]
            lines += ["", _heading(table, row, records)] if macros else []
            for macro in macros:
                _add(sources, macro)
                lines.append(f"\\newcommand{{\\{macro.name}}}{{{macro.text}}}% {macro.source}")
    return "\n".join(lines) + "\n"


def _add(sources: dict[str, str], macro: Macro) -> None:
    if macro.name in sources:
        raise ConfigError(
            f"\\{macro.name}: the name of two numbers ({sources[macro.name]}; {macro.source}); "
            "rename one of the methods, groups or metrics"
        )
    sources[macro.name] = macro.source


def _heading(table: ValueTable, row: pd.Series, records: Mapping[str, Sequence[str]]) -> str:
    name = _label_of(table, row)
    parts = [f"{name}: {_TEXTS[0].text(row)}"]
    if row["label"] != tables.PUBLISHED:
        parts += [f"data set {row['dataset']} by {row['protocol']}", *records.get(name, ())]
    return "% " + "; ".join(map(one_line, parts))


def _macros(table: ValueTable, row: pd.Series, method_of: Callable[[str], str]) -> Iterator[Macro]:
    label = _label_of(table, row)
    start = (table.prefix, method_of(label), *_group(row))
    found = [*_shown(_TEXTS, table), *_scores(table), *_shown(_SIZES, table)]
    for column in found:
        if row["label"] == tables.PUBLISHED and not _stands_without_run(column.source):
            continue
        text = column.text(row) if column.source == "label" else column.value(row)
        if text:
            name = macro_name(*start, column.group, column.heading)
            source = shlex.join([table.name, label, *_group(row)[1:], column.source])
            yield Macro(name, _in_latex(text), one_line(source))


def _label_of(table: ValueTable, row: pd.Series) -> str:
    """The label of a row; a variant of Table 2 that no method stands for has only a number."""
    return str(row[table.rows]) or f"Method {row['method']}"


def _group(row: pd.Series) -> tuple[str, ...]:
    return ("group", str(row["group"])) if "group" in row else ()


def _stands_without_run(column: str) -> bool:
    """Published numbers, and the sizes of networks, which no run is needed for."""
    return "_published" in column or column in ("label", *(size.source for size in _SIZES))


def _shown(columns: Sequence[Column], table: ValueTable) -> list[Column]:
    return [column for column in columns if column.source in table.frame]


def _scores(table: ValueTable) -> Iterator[Column]:
    """The score columns with their details; headings are parts of names."""
    sizes = {column.source for column in _SIZES}
    for name in table.frame.columns:
        match = _SCORE.fullmatch(str(name))
        is_float = pd.api.types.is_float_dtype(table.frame[name])
        if name in sizes or match is None or not is_float:
            continue
        category, metric, detail = match.groups()
        heading = f"{metric.upper()} {_DETAILS.get(detail or '', '')}"
        yield Column(str(name), heading, (category or "").capitalize(), digits_of(metric))
    if "n_images" in table.frame:
        yield Column("n_images", "Images")


def _in_latex(text: str) -> str:
    """A text; the sign of a negative number is one in text and in formulas."""
    number = text.startswith("-")
    return rf"\ensuremath{{-}}{escape_latex(text[1:])}" if number else escape_latex(text)
