"""Cells and columns of the tables of the page: text, what it sorts by, and where it leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.html_report.markup import render
from pipeline.html_report.numbers import NOTHING

_TALL = 20
"""Rows."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    `key`: what it sorts by; a number, a text, or `None` for nothing, which comes last. `note`: a
    second line in small print. `tone`: class of its color, always beside words. `mark`: a sign
    before the text.
    """

    text: str
    key: float | str | None = None
    link: str = ""
    note: str = ""
    tone: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Head:
    """A column: heading, the group that it belongs to, and whether it is shown at first.

    `number`: whether its cells stand on the right. `wide`: whether its text may break into lines.
    `compact`: whether it is no wider than its text, as a first column.
    """

    name: str
    group: str = ""
    number: bool = True
    shown: bool = True
    wide: bool = False
    compact: bool = False

    @property
    def title(self) -> str:
        """Group and heading in one line."""
        return f"{self.group}: {self.name}" if self.group else self.name


@dataclass(frozen=True)
class Table:
    """A table of the page; the first cell of a row is its heading.

    `id`: unique on the page. `caption`: plain text. `tools`: whether there is a filter and a choice
    of columns.
    """

    id: str
    caption: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    tools: bool = True

    @property
    def is_tall(self) -> bool:
        """Whether it scrolls in a window of its own, below its headings."""
        return len(self.rows) > _TALL

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Groups of neighboring columns with their widths; empty if no column has one."""
        found: list[tuple[str, int]] = []
        for head in self.heads:
            if found and found[-1][0] == head.group:
                found[-1] = (head.group, found[-1][1] + 1)
            else:
                found.append((head.group, 1))
        return found if any(name for name, _ in found) else []

    def html(self) -> Markup:
        """The table, with its tools."""
        return render("table.html", table=self)


def number_cell(text: str, value: float | None, **more: str) -> Cell:
    """A cell that sorts by a number; NaN is nothing."""
    known = value is not None and not math.isnan(value)
    return Cell(text, value if known else None, **more)


def text_cell(text: str, **more: str) -> Cell:
    """A cell that sorts by its text."""
    return Cell(text or NOTHING, text.casefold() or None, **more)


def without_empty(
    heads: Sequence[Head], rows: Sequence[Sequence[Cell]]
) -> tuple[list[Head], list[list[Cell]]]:
    """The columns in which any row has something; the first always stays."""
    kept = [
        number
        for number in range(len(heads))
        if number == 0 or any(row[number].text != NOTHING for row in rows)
    ]
    return [heads[n] for n in kept], [[row[n] for n in kept] for row in rows]
