"""What `table[row,column]` of a claim refers to: cells with their interval and printed text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from pipeline.audit.intervals import ClaimError, Interval, short
from pipeline.errors import one_line

PARTS, METRICS = ("indoor", "outdoor", "combined"), ("psnr", "ssim", "mae")
QUALITY_COLUMNS = tuple(f"{part}_{metric}" for part in PARTS for metric in METRICS)
SIZE_COLUMNS = ("params_m", "flops_g")
TABLE1, TABLE2, COUNTED, LITERATURE = "t1", "t2", "counted", "lit"

_LOWER_IS_BETTER = ("mae", "lpips", *SIZE_COLUMNS)


class MissingCell(ClaimError):
    """A claim needs a cell that its table does not have: it can't be evaluated on these tables."""


@dataclass(frozen=True)
class Value:
    """The content of a cell: the values that it allows, and how it is shown.

    Example:
        >>> str(Value.printed("28.10").interval), Value.point(28.1034).text
        ('[28.095, 28.105)', '28.1034')
    """

    interval: Interval
    text: str

    @classmethod
    def printed(cls, text: str) -> Value:
        """A printed decimal number, which stands for everything that rounds to it.

        Raises:
            ClaimError: `text` is not a plain decimal number.
        """
        return cls(Interval.printed(text), text)

    @classmethod
    def point(cls, value: Fraction | int | float) -> Value:
        """A number that is known exactly, or measured here.

        Raises:
            ClaimError: it is infinite or not a number.
        """
        interval = Interval.point(value)
        return cls(interval, short(interval.low))


@dataclass(frozen=True)
class Table:
    """Cells by row and column, in the order of the rows; a cell may be missing.

    `own`: rows of the paper's own network, which `DMTNet row` stands for.
    """

    rows: Mapping[str, Mapping[str, Value]]
    own: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Tables:
    """The tables of a claim, by name: `t1`, `t2`, `counted`, `lit`."""

    tables: Mapping[str, Table]

    def has(self, table: str, row: str, column: str) -> bool:
        """Whether the cell is there."""
        known = self.tables.get(table)
        return known is not None and column in known.rows.get(row, {})

    def value(self, table: str, row: str, column: str) -> Value:
        """The content of a cell.

        Raises:
            MissingCell: it is not there; the message says which name is unknown, if one is.
        """
        if table not in self.tables:
            known = ", ".join(self.tables)
            raise MissingCell(f"there is no table {one_line(table)!r}; the tables are {known}")
        rows = self.tables[table].rows
        if row not in rows:
            raise MissingCell(f"table {table} has no row {one_line(row)!r}")
        if column not in rows[row]:
            anywhere = any(column in cells for cells in rows.values())
            what = f"row {row!r} has no number in" if anywhere else "has no"
            raise MissingCell(f"table {table}: {what} column {one_line(column)!r}")
        return rows[row][column]

    @cached_property
    def middles(self) -> Tables:
        """The same cells as points: each number exactly as it is printed."""
        return Tables(
            {
                name: Table(
                    {
                        row: {
                            column: Value(Interval.point(value.interval.middle), value.text)
                            for column, value in cells.items()
                        }
                        for row, cells in table.rows.items()
                    },
                    table.own,
                )
                for name, table in self.tables.items()
            }
        )

    def domain(self, name: str) -> list[str]:
        """What a quantifier runs over; rows are those of Table 1, in its order.

        >>> Tables({}).domain("metric")
        ['psnr', 'ssim', 'mae']
        """
        fixed = {"quality column": QUALITY_COLUMNS, "metric": METRICS, "part": PARTS}
        if name in fixed:
            return list(fixed[name])
        table = self.tables.get(TABLE1, Table({}))
        own = {"DMTNet row": {True}, "other row": {False}, "row": {True, False}}[name]
        return [row for row in table.rows if (row in table.own) in own]


def lower_is_better(column: str) -> bool:
    """Whether a column's best value is its lowest: errors and sizes.

    >>> lower_is_better("indoor_mae"), lower_is_better("flops_g"), lower_is_better("indoor_psnr")
    (True, True, False)
    """
    return column.endswith(_LOWER_IS_BETTER)
