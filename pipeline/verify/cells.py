"""Cells of Table 1 and 2: ours against the paper's, each with its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from pipeline.records import CATEGORIES
from pipeline.reporting import tables
from pipeline.reporting.compared import comparable, judged, tolerances
from pipeline.reporting.headings import higher_is_better
from pipeline.reporting.published import PAPER_METRICS
from pipeline.statistics.ranking import Agreement, kendall, ranks
from pipeline.verdicts import Judgement, depends_on_seed, zone_around
from pipeline.verify.own import TABLE1, TABLE2, Column, Own

_COLUMNS = {
    TABLE1: tuple(f"{category}_{metric}" for category in CATEGORIES for metric in PAPER_METRICS),
    TABLE2: ("psnr", "ssim"),
}


@dataclass(frozen=True)
class Cell:
    """A cell of the paper and what became of it.

    `ours`: mean, standard deviation and interval over seeds, as in the tables. `tolerance`: half
    the width of the values that count as the published one; `None` if nothing was compared.
    `rank`, `published_rank`: among the rows that were run and are comparable, 1 for the best.
    """

    table: str
    row: str
    column: Column
    label: str
    n_seeds: int
    ours: tables.Estimate
    published: float
    judgement: Judgement
    tolerance: float | None = None
    rank: float | None = None
    published_rank: float | None = None

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's; `None` if they are not compared."""
        return None if self.tolerance is None else self.ours.mean - self.published


def cell_verdicts(own: Own, published: Mapping[str, pd.DataFrame]) -> list[Cell]:
    """All quality cells of the paper's tables, in its order.

    Args:
        own: our results.
        published: the paper's tables, `t1` and `t2`.

    Raises:
        RecordError: the records of one row do not belong together.
    """
    cells = [
        _cell(own, table, str(row["method"]), name, float(row[name]))
        for table, names in _COLUMNS.items()
        for row in published[table].to_dict("records")
        for name in names
    ]
    ranked = {id(cell): cell for cell in cells}
    for group in _comparable_columns(cells).values():
        better = higher_is_better()[group[0].column.metric]
        own_ranks = ranks([cell.ours.mean for cell in group], higher_is_better=better)
        theirs = ranks([cell.published for cell in group], higher_is_better=better)
        for cell, rank, their in zip(group, own_ranks, theirs, strict=True):
            ranked[id(cell)] = replace(cell, rank=rank, published_rank=their)
    return [ranked[id(cell)] for cell in cells]


def agreements(cells: list[Cell]) -> dict[tuple[str, Column], tuple[int, Agreement]]:
    """How far our order of methods agrees with the paper's, with the number of rows.

    By table and column; without columns in which fewer than two rows are comparable.
    """
    return {
        place: (
            len(group),
            kendall([cell.ours.mean for cell in group], [cell.published for cell in group]),
        )
        for place, group in _comparable_columns(cells).items()
    }


def _cell(own: Own, table: str, row: str, name: str, published: float) -> Cell:
    column, records = Column.of(table, name), own.records(table, row)
    values = list(own.values(table, row, column).values())
    ours = tables.estimate(values)
    judgement = judged(column.metric, records, values, published)
    tolerance = None
    if records and comparable(records[0]) and judgement.verdict != "not run":
        seeded = depends_on_seed(records[0])
        tolerance = zone_around(published, tolerances().of(column.metric), seeded=seeded).half
    label = records[0].label if records else tables.PUBLISHED
    return Cell(table, row, column, label, len(records), ours, published, judgement, tolerance)


def _comparable_columns(cells: list[Cell]) -> dict[tuple[str, Column], list[Cell]]:
    groups: dict[tuple[str, Column], list[Cell]] = {}
    for cell in cells:
        if cell.tolerance is not None:
            groups.setdefault((cell.table, cell.column), []).append(cell)
    return {place: group for place, group in groups.items() if len(group) > 1}
