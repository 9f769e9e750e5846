"""Markdown tables and numbers of a page."""

from __future__ import annotations

from collections.abc import Collection, Sequence

NOTHING = "–"


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()
) -> list[str]:
    """The lines of a table; columns whose heading is in `right` are right-aligned.

    >>> table(["a", "b"], [("1", "x|y")], right="a")
    ['| a | b |', '|--:|---|', '| 1 | x\\\\|y |']
    """
    rule = "|".join("--:" if heading and heading in right else "---" for heading in headings)
    lines = [_line(headings), f"|{rule}|"]
    return [*lines, *(_line([cell.replace("|", "\\|") for cell in row]) for row in rows)]


def milliseconds(seconds: float | None) -> str:
    """Milliseconds with three digits.

    >>> milliseconds(0.0123456), milliseconds(1.5), milliseconds(None)
    ('12.3', '1500', '–')
    """
    if seconds is None:
        return NOTHING
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def gigabytes(size: int | None) -> str:
    """Gigabytes (1e9 bytes) with two decimals."""
    return NOTHING if size is None else f"{size / 1e9:.2f}"


def tera(rate: float | None) -> str:
    """A rate in 1e12 per second, with three digits."""
    return NOTHING if rate is None else f"{rate / 1e12:.3g}"


def percent(share: float | None) -> str:
    """A share as a percentage with two digits.

    >>> percent(0.5), percent(0.0123), percent(None)
    ('50 %', '1.2 %', '–')
    """
    if share is None:
        return NOTHING
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
