"""Pairs of methods that the paper compares, read from the expressions of its claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise, product

from pipeline.audit import syntax
from pipeline.audit.grammar import parse
from pipeline.audit.tables import QUALITY_COLUMNS, TABLE1, Table, Tables
from pipeline.verify.own import TABLE2, Column

_TABLE2_QUALITY = ("psnr", "ssim")
_COLUMNS = ("quality column", "metric", "part")
"""What a quantifier may run over and still leave the rows to the claim."""


@dataclass(frozen=True)
class Pair:
    """Two rows of one table, compared in one quality column; the claim is about `one` - `other`."""

    table: str
    one: str
    other: str
    column: Column


def pairs_of(expression: str, printed: Mapping[str, Table]) -> list[Pair]:
    """The pairs that a claim compares by name, each once.

    Two rows are a pair if they are the only ones in a sum, a ratio or a comparison, neighbors in an
    order, or compared by `better`. The row that is `best` makes a pair with every other row. A
    quantifier over rows names none.

    Raises:
        ClaimError: the expression cannot be read.
    """
    found = _pairs(parse(expression), {}, Tables(printed))
    return list(dict.fromkeys(pair for pair in found if pair.one != pair.other))


def _pairs(node: object, bound: dict[str, str], tables: Tables) -> Iterator[Pair]:
    match node:
        case syntax.Quantified():
            domains = [binder.domain for binder in node.binders]
            if all(domain in _COLUMNS for domain in domains):
                names = [binder.variable for binder in node.binders]
                for values in product(*map(tables.domain, domains)):
                    inner = {**bound, **dict(zip(names, values, strict=True))}
                    yield from _pairs(node.body, inner, tables)
        case syntax.Ordered():
            ends = list(pairwise(node.rows))
            ordered = ends if node.direction == "decreasing" else [(b, a) for a, b in ends]
            yield from _named(ordered, node.column, bound)
        case syntax.Better():
            yield from _named([(node.first, node.second)], node.column, bound)
        case syntax.Same():
            yield from _best(node.left, node.right, bound, tables)
            yield from _best(node.right, node.left, bound, tables)
        case syntax.Member():
            yield from _best(node.rows, syntax.Rows((node.row,)), bound, tables)
        case syntax.Sum() | syntax.Product() | syntax.Compare():
            yield from _in_numbers(list(_cells(node)), bound)
        case _:
            for part in parts_of(node):
                yield from _pairs(part, bound, tables)


def _named(
    rows: Iterable[tuple[syntax.Name, syntax.Name]], column: syntax.Name, bound: dict[str, str]
) -> Iterator[Pair]:
    name = column.resolved(bound)
    if name in QUALITY_COLUMNS:
        for one, other in rows:
            yield Pair(TABLE1, one.resolved(bound), other.resolved(bound), Column.of(TABLE1, name))


def _best(
    best: syntax.RowSet, rows: syntax.RowSet, bound: dict[str, str], tables: Tables
) -> Iterator[Pair]:
    if not isinstance(best, syntax.Best) or not isinstance(rows, syntax.Rows):
        return
    for row in rows.names:
        others = [syntax.Name(other) for other in tables.domain("row")]
        yield from _named([(row, other) for other in others], best.column, bound)


def _in_numbers(cells: list[syntax.Cell], bound: dict[str, str]) -> Iterator[Pair]:
    places = list(
        dict.fromkeys(
            (cell.table, cell.row.resolved(bound), cell.column.resolved(bound)) for cell in cells
        )
    )
    if len(places) != 2:
        return
    (table, one, column), (other_table, other, other_column) = places
    known = QUALITY_COLUMNS if table == TABLE1 else _TABLE2_QUALITY if table == TABLE2 else ()
    if (table, column) == (other_table, other_column) and column in known:
        yield Pair(table, one, other, Column.of(table, column))


def _cells(node: object) -> Iterator[syntax.Cell]:
    if isinstance(node, syntax.Cell):
        yield node
        return
    for part in parts_of(node):
        yield from _cells(part)


def parts_of(node: object) -> Iterator[object]:
    """Everything directly inside a part of an expression."""
    if isinstance(node, tuple):
        yield from node
    elif is_dataclass(node):
        for part in fields(node):
            yield getattr(node, part.name)
