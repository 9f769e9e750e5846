"""Columns of result tables for readers: where each comes from, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.records import CATEGORIES
from pipeline.reporting import tables
from pipeline.reporting.headings import Metrics, score_heading
from pipeline.reporting.published import PAPER_METRICS

NOTHING = "–"
"""What stands where there is no value."""

_DIGITS, _OTHER_DIGITS = {"psnr": 2}, 3


def digits_of(metric: str) -> int:
    """Decimals of a score in print: two for PSNR, three for SSIM, MAE and every other metric."""
    return _DIGITS.get(metric, _OTHER_DIGITS)


@dataclass(frozen=True)
class Column:
    """A column for readers: where it comes from, its heading, and how it is printed.

    `digits` is `None` for text and whole numbers. `spread` appends the standard deviation.
    `metric`: whose scores it holds, if any.
    """

    source: str
    heading: str
    group: str = ""
    digits: int | None = None
    scale: float = 1.0
    spread: bool = False
    metric: str = ""

    @property
    def title(self) -> str:
        """Group and heading in one line."""
        return f"{self.group} {self.heading}".strip()

    def text(self, row: pd.Series) -> str:
        """The printed cell; a dash where there is nothing."""
        printed = self.value(row) or NOTHING
        if self.source == "label" and row.get("standing") == tables.STALE:
            return f"{printed} ({tables.STALE})"
        sd = row[f"{self.source}_sd"] if self.spread and printed != NOTHING else None
        return printed if pd.isna(sd) else f"{printed} ± {sd:.{self.digits}f}"

    def value(self, row: pd.Series) -> str:
        """The value in print, without spread and marks; empty where there is nothing."""
        value = row[self.source]
        if pd.isna(value) or value == "":
            return ""
        return str(value) if self.digits is None else f"{float(value) * self.scale:.{self.digits}f}"

    def is_number(self, frame: pd.DataFrame) -> bool:
        """Whether it stands on the right."""
        return self.digits is not None or pd.api.types.is_numeric_dtype(frame[self.source])


def _score(category: str, metric: str, metrics: Metrics, spread: bool = False) -> Column:
    return Column(
        source=f"{category}_{metric}",
        heading=score_heading(metric, metrics),
        group=category.capitalize(),
        digits=digits_of(metric),
        spread=spread,
        metric=metric,
    )


def _published(metric: str, metrics: Metrics) -> Column:
    return Column(
        source=f"combined_{metric}_published",
        heading=score_heading(metric, metrics, "published"),
        group="Combined",
        digits=digits_of(metric),
        metric=metric,
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
            Column(metric, score_heading(metric, metrics), "", digits_of(metric), metric=metric)
            for metric in PAPER_METRICS
        ),
    )


def readable_columns(frame: pd.DataFrame, metrics: Metrics) -> tuple[Column, ...]:
    """The columns of `frame` that a reader needs; all of them for a table not known here."""
    for columns in (_table2(metrics), _groups(metrics), _table1(metrics)):
        if all(column.source in frame for column in columns):
            return columns
    return tuple(Column(name, name) for name in frame.columns)
