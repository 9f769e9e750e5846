"""Comparison of one cell with the paper's: difference and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.config.tolerances import Tolerances, load_tolerances, tolerances_file
from pipeline.records import ResultRecord
from pipeline.reporting import tables
from pipeline.reporting.headings import higher_is_better
from pipeline.verdicts import Judgement, depends_on_seed, judge, zone_around


def tolerances() -> Tolerances:
    """The tolerances of `config/tolerances.yaml`, read once.

    Raises:
        ConfigError: the file cannot be used.
    """
    return _read_once(tolerances_file().absolute())


@cache
def _read_once(path: Path) -> Tolerances:
    return load_tolerances(path)


def comparable(record: ResultRecord) -> bool:
    """Whether a result may be compared with the published ones: on Canon DP, by `dpdd-16`."""
    return (record.dataset, record.protocol.id) == (tables.CANON, tables.PROTOCOL)


def judged(
    metric: str,
    records: Sequence[ResultRecord],
    values: Sequence[float | None],
    published: float,
) -> Judgement:
    """The verdict on one cell, by the rule in `pipeline.verdicts`.

    Args:
        metric: of the paper.
        records: the repetitions of the row.
        values: their scores; `None` where one was not computed.
        published: the paper's value.

    Raises:
        ConfigError: the tolerances cannot be used.
    """
    if not records:
        return Judgement("not run", "there is no result")
    if not comparable(records[0]):
        where = f"{records[0].dataset} by {records[0].protocol.id}"
        return Judgement(
            "not comparable", f"{where}, published on {tables.CANON} by {tables.PROTOCOL}"
        )
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Judgement("not run", "not computed for every seed")
    seeded = depends_on_seed(records[0])
    zone = zone_around(published, tolerances().of(metric), seeded=seeded)
    return judge(known, zone, seeded=seeded, higher_is_better=higher_is_better()[metric])


def compared_cells(
    name: str, records: Sequence[ResultRecord], values: Sequence[float | None], published: object
) -> tables.Row:
    """The cell `name` with spread, published value, difference and verdict.

    Without records the published value stands in for ours. The difference is ours - published,
    where the two are comparable. Without a published value there is no verdict.

    Args:
        name: of the column; ends with the metric.
        records: the repetitions of the row.
        values: their scores.
        published: the paper's value; `None` or NaN where there is none.
    """
    cells = tables.estimate_cells(name, values)
    target = float("nan") if published is None else float(str(published))
    difference, verdict = float("nan"), ""
    if not np.isnan(target):
        verdict = judged(name.rpartition("_")[2], records, values, target).verdict
    if not records:
        cells[name] = target
    elif comparable(records[0]):
        difference = float(str(cells[name])) - target
    return {
        **cells,
        f"{name}_published": target,
        f"{name}_diff": difference,
        f"{name}_verdict": verdict,
    }
