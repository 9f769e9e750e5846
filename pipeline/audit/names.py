"""The rows and columns that an expression names: all of them checked, and exchanged in searches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from pipeline.audit import syntax
from pipeline.audit.intervals import ClaimError
from pipeline.audit.tables import TABLE1, Table, Tables
from pipeline.errors import one_line

_Node = TypeVar("_Node")


def check_names(expression: syntax.Expression, tables: Tables) -> None:
    """Check that every table, row and column that is named exists, used or not.

    Names with bound variables are checked when they are evaluated.

    Raises:
        ClaimError: the first name that does not.
    """
    bound = {
        binder.variable
        for node in _walk(expression)
        if isinstance(node, syntax.Quantified)
        for binder in node.binders
    }
    for table, row, column in _named(expression):
        known = tables.tables.get(table)
        if known is None:
            raise ClaimError(
                f"there is no table {one_line(table)!r}; the tables are {', '.join(tables.tables)}"
            )
        if row is not None and _is_fixed(row, bound) and row.text not in known.rows:
            raise ClaimError(f"table {table} has no row {one_line(row.text)!r}")
        if column is not None and _is_fixed(column, bound) and not _has_column(known, column.text):
            raise ClaimError(f"table {table} has no column {one_line(column.text)!r}")


def cells(expression: syntax.Expression) -> list[syntax.Cell]:
    """All cells in an expression, in their order."""
    return [node for node in _walk(expression) if isinstance(node, syntax.Cell)]


def exchanged(node: _Node, old: syntax.Name, new: syntax.Name) -> _Node:
    """The expression with one name in place of another, everywhere."""
    if node == old:
        return new  # type: ignore[return-value]
    if isinstance(node, tuple):
        return tuple(exchanged(part, old, new) for part in node)  # type: ignore[return-value]
    if not is_dataclass(node) or isinstance(node, syntax.Name | syntax.Number):
        return node
    parts = {item.name: exchanged(getattr(node, item.name), old, new) for item in fields(node)}
    return replace(node, **parts)  # type: ignore[type-var]


def _walk(node: Any) -> Iterator[Any]:
    if isinstance(node, tuple):
        for part in node:
            yield from _walk(part)
    elif is_dataclass(node):
        yield node
        for item in fields(node):
            yield from _walk(getattr(node, item.name))


def _named(
    expression: syntax.Expression,
) -> Iterator[tuple[str, syntax.Name | None, syntax.Name | None]]:
    for node in _walk(expression):
        match node:
            case syntax.Cell():
                yield node.table, node.row, node.column
            case syntax.Rows():
                yield from ((TABLE1, row, None) for row in node.names)
            case syntax.Member():
                yield TABLE1, node.row, None
            case syntax.Best():
                yield TABLE1, None, node.column
            case syntax.Pareto():
                yield from ((TABLE1, None, column) for column in node.columns)
            case syntax.Ordered() | syntax.EqualSteps():
                yield from ((TABLE1, row, node.column) for row in node.rows)
            case syntax.Better():
                yield from ((TABLE1, row, node.column) for row in (node.first, node.second))


def _is_fixed(name: syntax.Name, bound: set[str]) -> bool:
    return name.text not in bound and not name.variables


def _has_column(table: Table, column: str) -> bool:
    return any(column in cells for cells in table.rows.values())
