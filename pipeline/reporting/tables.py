"""What all result tables share: column names and types, repetitions of one row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import DataError, RecordError
from pipeline.records import ComplexityRecord, ResultRecord
from pipeline.reporting.published import PAPER_METRICS
from pipeline.statistics.means import mean_of

METRICS = (*PAPER_METRICS, "lpips")
LEADING = ("method", "kind", "label", "dataset", "protocol", "n_seeds")
SPREAD = ("sd", "ci_lo", "ci_hi")
DETAILS = (*SPREAD, "published", "diff", "verdict")
CANON = "canon"
PROTOCOL = "dpdd-16"
"""Data set and protocol whose numbers are comparable with the published ones."""
PUBLISHED, SURROGATE, GIVEN = "published", "surrogate", "given weights"
OFFICIAL = "official weights"

_WHOLE = ("n_seeds", "n_images", "n_dmssrm", "trained_params", "params")
_TEXT = (
    *("method", "kind", "label", "dataset", "protocol"),
    *("row", "group", "transformer", "dynamic"),
    *("experiment", "standing"),
)
ORIGIN = ("experiment", "standing")
"""Columns at the end of every table: the experiment that it belongs to, and whether a row was made
by the code of today (`fresh`) or by other code (`stale`); empty in rows not run."""
FRESH, STALE = "fresh", "stale"

# pandas' own float parser is off by a last digit in some versions, and deprecated where exact.
_PARSERS: dict[str, Callable[[str], object]] = {"str": str, "Int64": int, "float64": float}

Row = dict[str, object]


@dataclass(frozen=True)
class Estimate:
    """Mean over seeds, standard deviation (ddof 1) and 95 % t-interval of the mean.

    All NaN without values; spread and interval are NaN below two values.
    """

    mean: float = float("nan")
    sd: float = float("nan")
    ci_lo: float = float("nan")
    ci_hi: float = float("nan")


def estimate(values: Sequence[float | None]) -> Estimate:
    """Summarize one score over repetitions.

    A score that any repetition lacks has no mean: one over fewer seeds than the row states would
    mislead.
    """
    numbers = [value for value in values if value is not None]
    if not numbers or len(numbers) < len(values):
        return Estimate()
    if len(numbers) == 1:
        return Estimate(numbers[0])
    mean = mean_of(numbers)
    return Estimate(mean.value, mean.spread, *mean.interval())


def row_of(record: ResultRecord | ComplexityRecord) -> str:
    """The row that a record belongs to.

    A surrogate has its own row, and so have weights that nobody vouches for: they must never share
    one with the published numbers of the method that they stand in for.
    """
    if isinstance(record, ComplexityRecord):
        mark = SURROGATE if record.surrogate else ""
    else:
        mark = record.label if record.label in (SURROGATE, GIVEN) else ""
    return f"{record.row} ({mark})" if mark else record.row


def by_row(results: Iterable[ResultRecord]) -> dict[str, list[ResultRecord]]:
    """Repetitions of each row (`row_of`), in order of first appearance.

    Official weights have a row of their own where the method was also trained here.

    Raises:
        RecordError: records of one row differ in method, kind, label, data set, protocol or size,
            or two of them are the same repetition.
    """
    rows: dict[str, list[ResultRecord]] = {}
    found = list(results)
    own = {row_of(record) for record in found if record.label != OFFICIAL}
    for record in found:
        name = row_of(record)
        if record.label == OFFICIAL and name in own:
            name = f"{name} ({OFFICIAL})"
        rows.setdefault(name, []).append(record)
    for name, records in rows.items():
        for field in ("method", "method_kind", "label", "dataset", "trained_params"):
            _same(name, field, [str(getattr(record, field)) for record in records])
        _same(name, "protocol", [record.protocol.model_dump_json() for record in records])
        if len({record.repetition for record in records}) < len(records):
            raise RecordError(
                f"row {name!r}: the same repetition twice; remove one of its folders in results/"
            )
    return rows


def _same(name: str, field: str, values: list[str]) -> None:
    if len(set(values)) > 1:
        listed = ", ".join(dict.fromkeys(values))
        raise RecordError(
            f"row {name!r}: records differ in {field} ({listed}); "
            "give the record.json files of one experiment only"
        )


def sizes_by_row(complexity: Iterable[ComplexityRecord]) -> dict[str, ComplexityRecord]:
    """The complexity record of each row (`row_of`).

    Raises:
        RecordError: two records claim the same row with different counts.
    """
    sizes: dict[str, ComplexityRecord] = {}
    for record in complexity:
        known = sizes.setdefault(row_of(record), record)
        if known != record:
            raise RecordError(
                f"row {record.row!r}: two different complexity records "
                f"({known.method}, {record.method}); remove one from results/complexity/"
            )
    return sizes


def size_cells(size: ComplexityRecord | None) -> Row:
    """`params` and FLOPs in 10^9 of the full model: paper's rule and fvcore's total."""
    if size is None:
        return {"params": None, "flops_paper_g": None, "flops_fvcore_g": None}
    return {
        "params": size.params,
        "flops_paper_g": size.flops_paper / 1e9,
        "flops_fvcore_g": size.flops_fvcore / 1e9,
    }


def metrics_of(results: Iterable[ResultRecord]) -> tuple[str, ...]:
    """The paper's metrics and LPIPS, then every other metric found in `results`, by name."""
    found = {
        metric
        for record in results
        for scores in (*record.scores.values(), *record.groups.values())
        for metric in scores.mean
    }
    return (*METRICS, *sorted(found - set(METRICS)))


def scores_of(records: Sequence[ResultRecord], category: str, metric: str) -> list[float | None]:
    """One score per repetition; `None` where it was not computed."""
    return [
        record.scores[category].mean.get(metric) if category in record.scores else None
        for record in records
    ]


def estimate_cells(name: str, values: Sequence[float | None]) -> Row:
    """The cells `name`, `name_sd`, `name_ci_lo`, `name_ci_hi`."""
    summary = estimate(values)
    return {name: summary.mean, **{f"{name}_{part}": getattr(summary, part) for part in SPREAD}}


def identity_cells(records: Sequence[ResultRecord]) -> Row:
    """`label`, `dataset`, `protocol`, `n_seeds`, `trained_params` of a row, run or as published."""
    if not records:
        return {
            "label": PUBLISHED,
            "dataset": CANON,
            "protocol": "as published",
            "n_seeds": None,
            "trained_params": None,
        }
    first = records[0]
    return {
        "label": first.label,
        "dataset": first.dataset,
        "protocol": first.protocol.id,
        "n_seeds": len(records),
        "trained_params": first.trained_params,
    }


def origin_cells(
    experiment: str, records: Sequence[ResultRecord | ComplexityRecord], stale: Collection[str]
) -> Row:
    """The cells of `ORIGIN`.

    Args:
        experiment: name of the experiment.
        records: all that a row shows, of results and sizes.
        stale: methods of which something was made by other code.
    """
    standing = ""
    if records:
        standing = STALE if any(record.method in stale for record in records) else FRESH
    return {"experiment": experiment, "standing": standing}


def typed(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """A table of exactly `columns`: text ("" where empty), whole numbers (nullable), floats."""
    frame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    for column in columns:
        kind = _kind(column)
        filled = frame[column].fillna("") if kind == "str" else frame[column]
        frame[column] = filled.astype(kind)
    return frame


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of this package back from CSV, equal in value and type to the one written.

    Raises:
        DataError: the file is missing or not such a table.
    """
    try:
        texts = pd.read_csv(path, dtype=str, keep_default_na=False)
        parsers = {column: _PARSERS[_kind(column)] for column in texts.columns}
        rows = [
            {column: parsers[column](text) if text else None for column, text in row.items()}
            for row in texts.to_dict("records")
        ]
        return typed(rows, list(texts.columns))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make the table") from error
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a result table ({reason}); make it again") from error


def _kind(column: str) -> str:
    if column in _TEXT or column.endswith("_verdict"):
        return "str"
    return "Int64" if column in _WHOLE else "float64"
