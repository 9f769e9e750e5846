"""What a claim is evaluated on: our quality cells in the place of the paper's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import pandas as pd
from pandas.api.types import is_numeric_dtype

from pipeline.audit.intervals import ClaimError, Interval
from pipeline.audit.tables import COUNTED, LITERATURE, SIZE_COLUMNS, Table, Tables, Value
from pipeline.verify.own import TITLES, Column

NOTHING_MEASURED = "it needs no measured number; dmtbench audit decides it"
_NOT_MEASURED = (COUNTED, LITERATURE)
_OWN = "ours"
_NOT_QUALITY = (*SIZE_COLUMNS, "n_dmssrm")

Place = tuple[str, str, Column]
"""Table, row and quality column."""
Measured = Callable[[Place], tuple[float, float] | None]
"""The lowest and highest value of ours in a cell; `None` if it was not run."""


class NotRun(ClaimError):
    """A claim needs a value that was not measured here."""


@dataclass(frozen=True)
class Evidence(Tables):
    """The paper's tables with our quality cells.

    Sizes are the paper's own: they say which network a row means. Whether a cell exists follows the
    paper too, so that a row that was not run cannot drop out of a claim unnoticed.

    `measured`: our values. `used`: the quality cells that were looked up so far.
    """

    measured: Measured = lambda place: None
    used: set[Place] = field(default_factory=set)

    def value(self, table: str, row: str, column: str) -> Value:
        """Our value, or the paper's size.

        Raises:
            NotRun: it was not measured.
            MissingCell: the paper has no such cell.
        """
        if table in _NOT_MEASURED:
            raise NotRun(NOTHING_MEASURED)
        printed = super().value(table, row, column)
        if column in _NOT_QUALITY:
            return printed
        place = (table, row, Column.of(table, column))
        self.used.add(place)
        found = self.measured(place)
        if found is None:
            raise NotRun(f"{row} of {TITLES[table]} was not run")
        low, high = (Fraction(end) for end in found)
        return Value(Interval(low, high), f"{float((low + high) / 2):.4f}")


def printed_tables(published: Mapping[str, pd.DataFrame]) -> dict[str, Table]:
    """The paper's tables as claims refer to them.

    Args:
        published: by name, `t1` and `t2`, as `pipeline.reporting.published` reads them.
    """
    return {name: _printed(frame) for name, frame in published.items()}


def _printed(frame: pd.DataFrame) -> Table:
    numbers = [name for name in frame if is_numeric_dtype(frame[name]) and name != "method"]
    rows = {
        str(row["method"]): {
            name: Value.point(float(row[name])) for name in numbers if pd.notna(row[name])
        }
        for row in frame.to_dict("records")
    }
    own = frame["method"][frame["reference"] == _OWN] if "reference" in frame else []
    return Table(rows, frozenset(own))


def evidence(printed: Mapping[str, Table], measured: Measured) -> Evidence:
    """Evidence from the paper's tables and our values."""
    return Evidence(printed, measured=measured)
