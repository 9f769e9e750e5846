"""What a number that fails may have been: the same expression with one row or column exchanged."""

from __future__ import annotations

from typing import cast

from pipeline.audit import syntax
from pipeline.audit.grammar import parse
from pipeline.audit.intervals import ClaimError, Interval, short
from pipeline.audit.names import cells, exchanged
from pipeline.audit.semantics import Evaluation, Names
from pipeline.audit.tables import QUALITY_COLUMNS, Tables

MOST = 3
"""Explanations that are shown at most."""


def near_explanations(expression: str, tables: Tables, published: str) -> list[str]:
    """Exchanges after which the expression gives the printed digits, all tried by calculation.

    Each row is replaced by every other row of its table, then each quality column by every other;
    everywhere, and one at a time. Only numbers whose printed digits give the claim's digits count.

    Args:
        expression: a number, without `let`.
        tables: as for the claim.
        published: the printed digits that it does not give.

    Returns:
        At most `MOST` texts such as `6.43 with DPDNet+ for RDPD+`.
    """
    node, printed = parse(expression), Interval.printed(published)
    if not isinstance(node, syntax.NUMERIC):
        return []
    points, found = tables.middles, []
    for old, new in _exchanges(node, tables):
        changed = cast(syntax.Numeric, exchanged(node, old, new))
        try:
            value = Evaluation(points).number(changed, Names())
        except ClaimError:
            continue
        if value.low in printed:
            found.append(f"{short(value.low, 2)} with {new.text} for {old.text}")
    return found[:MOST]


def _exchanges(node: syntax.Expression, tables: Tables) -> list[tuple[syntax.Name, syntax.Name]]:
    used = cells(node)
    rows = {(cell.row, row) for cell in used for row in tables.tables[cell.table].rows}
    columns = {
        (cell.column, column)
        for cell in used
        for column in QUALITY_COLUMNS
        if cell.column.text in QUALITY_COLUMNS
    }
    order = [*sorted(rows, key=_order), *sorted(columns, key=_order)]
    return [(old, syntax.Name(new)) for old, new in order if old.text != new]


def _order(exchange: tuple[syntax.Name, str]) -> tuple[str, str]:
    old, new = exchange
    return old.text, new
