"""Tables of commands: drawn on a terminal, tab-separated elsewhere, or JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
"""A value for every column; others are in the JSON only."""


def show_table(
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    as_json: bool = False,
    title: str = "",
    right: Collection[str] = (),
) -> None:
    """Print rows.

    On a terminal they are a drawn table; elsewhere, lines of tab-separated values under one line of
    column names, for `cut` and `awk`; with `as_json`, one JSON object per line with every value.

    Args:
        columns: names of the columns to show, in order.
        rows: their values; `None` is an empty cell. Numbers stand on the right.
        as_json: whether to print JSON.
        title: printed above the table on a terminal.
        right: columns of texts that stand on the right too, such as sizes with their unit.
    """
    if as_json:
        for row in rows:
            print_object(row)
    elif sys.stdout.isatty():
        _draw(columns, rows, title, right)
    else:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_plain(row.get(name)) for name in columns))


def print_object(row: Row) -> None:
    """Print one row as a JSON object on a line of its own."""
    print(json.dumps(dict(row)))


def cell(value: Any) -> str:
    """A value as text: floats with four significant digits, nothing for `None`.

    >>> cell(0.12345), cell(22.0), cell(None), cell(3), cell("text")
    ('0.1235', '22.00', '', '3', 'text')
    """
    if value is None:
        return ""
    return f"{value:#.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> str:
    # A cell that holds a separator would move the others.
    return "".join(c if c.isprintable() else " " for c in cell(value))


def _draw(columns: Sequence[str], rows: Sequence[Row], title: str, right: Collection[str]) -> None:
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left")
    for name in columns:
        numbers = [row.get(name) for row in rows if row.get(name) is not None]
        numeric = bool(numbers) and all(isinstance(value, int | float) for value in numbers)
        on_the_right = numeric or name in right
        table.add_column(name, justify="right" if on_the_right else "left", overflow="fold")
    for row in rows:
        # Text, because values may look like markup.
        table.add_row(*(Text(_plain(row.get(name))) for name in columns))
    Console().print(table)
