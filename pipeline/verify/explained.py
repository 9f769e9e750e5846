"""Ways of scoring that would explain why a row of Table 1 differs from the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.evaluation.reasons import Reason, proposed_reasons
from pipeline.reporting.published import PAPER_METRICS
from pipeline.verdicts import BETTER, WORSE
from pipeline.verify.cells import Cell
from pipeline.verify.own import TABLE1, Own


@dataclass(frozen=True)
class Explained:
    """A row with cells that differ.

    `reasons`: the best first; `None` if its result was not scored in other ways.
    """

    row: str
    method: str
    reasons: tuple[Reason, ...] | None


def explain(cells: Sequence[Cell], own: Own) -> list[Explained]:
    """Look for reasons, row by row of Table 1; those without a cell that differs are left out.

    Raises:
        RecordError: the records of one row do not belong together.
    """
    rows: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.table == TABLE1 and cell.tolerance is not None:
            rows.setdefault(cell.row, []).append(cell)
    return [
        _explained(row, group, own)
        for row, group in rows.items()
        if any(cell.judgement.verdict in (BETTER, WORSE) for cell in group)
    ]


def _explained(row: str, cells: Sequence[Cell], own: Own) -> Explained:
    scored = own.repetitions(TABLE1, row)
    method = scored[0].record.method
    known = next((one.sensitivity for one in scored if one.sensitivity is not None), None)
    if known is None:
        return Explained(row, method, None)
    differences = {
        cell.column.name: cell.difference for cell in cells if cell.difference is not None
    }
    return Explained(row, method, proposed_reasons(differences, known, _limits(cells)))


def _limits(cells: Sequence[Cell]) -> Mapping[str, float]:
    return {
        metric: max(
            (cell.tolerance or 0.0 for cell in cells if cell.column.metric == metric), default=0.0
        )
        for metric in PAPER_METRICS
    }
