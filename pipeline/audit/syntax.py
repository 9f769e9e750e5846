"""The parts of a claim's expression, as the parser makes them; `docs/audit.md` has the grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

_PLACE = re.compile(r"\{(\w+)\}")

Comparison = Literal["=", "!=", "<", "<=", ">", ">=", "rounds to"]


@dataclass(frozen=True)
class Name:
    """A row or column: a bound variable, or text in which `{k}` stands for a bound variable."""

    text: str

    def resolved(self, bound: dict[str, str]) -> str:
        """The name itself, with the values of bound variables; others stay as they are."""
        if self.text in bound:
            return bound[self.text]
        return _PLACE.sub(lambda place: bound.get(place[1], place[0]), self.text)

    @property
    def variables(self) -> list[str]:
        """Variables in braces."""
        return _PLACE.findall(self.text)


@dataclass(frozen=True)
class Number:
    """A number of the expression, exact; `text` as written."""

    value: Fraction
    text: str


@dataclass(frozen=True)
class Cell:
    """`table[row,column]`."""

    table: str
    row: Name
    column: Name


@dataclass(frozen=True)
class Known:
    """A number that `let` has named."""

    name: str


@dataclass(frozen=True)
class Sum:
    """Terms with their signs, left to right."""

    terms: tuple[tuple[Literal["+", "-"], Numeric], ...]


@dataclass(frozen=True)
class Product:
    """Factors and divisors, left to right; the first has `*`."""

    factors: tuple[tuple[Literal["*", "/"], Numeric], ...]


@dataclass(frozen=True)
class Negative:
    """`-x`."""

    inner: Numeric


@dataclass(frozen=True)
class Power:
    """`x^n`."""

    base: Numeric
    exponent: int


@dataclass(frozen=True)
class Absolute:
    """`abs(x)`."""

    inner: Numeric


@dataclass(frozen=True)
class Rows:
    """`{a, b}`, or one row."""

    names: tuple[Name, ...]


@dataclass(frozen=True)
class Best:
    """`best(column)`: the rows of Table 1 than which none is better."""

    column: Name


@dataclass(frozen=True)
class Pareto:
    """`pareto(column, column)`: the rows of Table 1 that no row beats in one and equals in both."""

    columns: tuple[Name, Name]


@dataclass(frozen=True)
class Compare:
    """Two numbers compared."""

    operator: Comparison
    left: Numeric
    right: Numeric


@dataclass(frozen=True)
class Same:
    """Two sets of rows are equal."""

    left: RowSet
    right: RowSet


@dataclass(frozen=True)
class Member:
    """`row in set`."""

    row: Name
    rows: RowSet


@dataclass(frozen=True)
class Has:
    """`has(table[row,column])`: the cell is there."""

    cell: Cell


@dataclass(frozen=True)
class Ordered:
    """`increasing(column, rows...)` or `decreasing`: strictly, from each row to the next."""

    direction: Literal["increasing", "decreasing"]
    column: Name
    rows: tuple[Name, ...]


@dataclass(frozen=True)
class EqualSteps:
    """`equal_steps(column, rows...)`: one step could lie between all neighbors."""

    column: Name
    rows: tuple[Name, ...]


@dataclass(frozen=True)
class Better:
    """`better(column, a, b)`, or `as_good` if ties count; each column knows its direction."""

    column: Name
    first: Name
    second: Name
    ties: bool


@dataclass(frozen=True)
class Not:
    """`not x`."""

    inner: Statement


@dataclass(frozen=True)
class Both:
    """`x and y`; what follows a false part is not looked at."""

    parts: tuple[Statement, ...]


@dataclass(frozen=True)
class Either:
    """`x or y`; what follows a true part is not looked at."""

    parts: tuple[Statement, ...]


@dataclass(frozen=True)
class Binder:
    """`domain variable` of a quantifier."""

    domain: str
    variable: str


@dataclass(frozen=True)
class Quantified:
    """`for each`, `exists` or `no`, over the combinations of the binders' values."""

    kind: Literal["for each", "exists", "no"]
    binders: tuple[Binder, ...]
    where: Statement | None
    body: Statement


@dataclass(frozen=True)
class Let:
    """`let name = number, ...: body`."""

    names: tuple[tuple[str, Numeric], ...]
    body: Numeric | Statement


Numeric = Number | Cell | Known | Sum | Product | Negative | Power | Absolute
RowSet = Rows | Best | Pareto
Statement = (
    Compare | Same | Member | Has | Ordered | EqualSteps | Better | Not | Both | Either | Quantified
)
Expression = Numeric | Statement | Let

NUMERIC: tuple[type, ...] = (Number, Cell, Known, Sum, Product, Negative, Power, Absolute)
ROW_SETS: tuple[type, ...] = (Rows, Best, Pareto)
