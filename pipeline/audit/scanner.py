"""Scanner of expressions: words, symbols, names, and errors that show the place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from pipeline.audit.intervals import ClaimError
from pipeline.audit.syntax import Name
from pipeline.errors import one_line

_LISTED = re.compile(r"(?:[^\s,\[\](){}]|\{\w+\})(?:[^,\[\](){}]|\{\w+\})*", re.ASCII)
_Item = TypeVar("_Item")

WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Scanner:
    """Reads a text from left to right; spaces between tokens mean nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def space(self) -> None:
        """Skip spaces."""
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """The text that `pattern` matches here; the scanner moves behind it."""
        self.space()
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def ahead(self, word: str) -> bool:
        """Whether `word` comes next."""
        self.space()
        found = WORD.match(self.text, self.at)
        return found is not None and found[0] == word

    def word(self, word: str) -> bool:
        """Skip `word` if it comes next."""
        if not self.ahead(word):
            return False
        self.at += len(word)
        return True

    def ahead_symbol(self, symbol: str) -> bool:
        """Whether `symbol` comes next."""
        self.space()
        return self.text.startswith(symbol, self.at)

    def symbol(self, symbol: str) -> bool:
        """Skip `symbol` if it comes next."""
        if not self.ahead_symbol(symbol):
            return False
        self.at += len(symbol)
        return True

    def one_of(self, symbols: str) -> str | None:
        """Skip and return the one of these characters that comes next."""
        return next((symbol for symbol in symbols if self.symbol(symbol)), None)

    def need(self, symbol: str) -> None:
        """Skip `symbol`.

        Raises:
            ClaimError: something else comes next.
        """
        if not self.symbol(symbol):
            raise self.error(f"expects {symbol!r}")

    def error(self, problem: str) -> ClaimError:
        """The error for a problem at this place."""
        rest = self.text[self.at : self.at + 30]
        where = f"at {one_line(rest)!r}" if rest.strip() else "at its end"
        return ClaimError(f"the expression {problem} ({where})")


class NameScanner(Scanner):
    """Also reads the names of rows, columns and variables.

    `known`: names of `let`. `bound`: variables of quantifiers. `reserved`: words that are neither.
    """

    def __init__(self, text: str, reserved: set[str]) -> None:
        super().__init__(text)
        self.reserved = reserved
        self.known: set[str] = set()
        self.bound: set[str] = set()

    def name(self) -> Name:
        """The name of a row or column, which may hold bound variables in braces."""
        text = self.match(_LISTED)
        if text is None:
            raise self.error("expects the name of a row or column")
        name = Name(text.strip())
        for variable in name.variables:
            if variable not in self.bound:
                raise self.error(f"uses {{{variable}}}, which no quantifier binds")
        return name

    def rows_after(self, count: int | None) -> tuple[Name, ...]:
        """Rows after the commas that follow a column: `count`, or at least two."""
        self.need(",")
        rows = tuple(self.listed(self.name))
        if len(rows) != count and (count is not None or len(rows) < 2):
            raise self.error(f"expects {count or 'at least two'} rows")
        return rows

    def listed(self, item: Callable[[], _Item]) -> list[_Item]:
        """One or more items with commas between them."""
        items = [item()]
        while self.symbol(","):
            items.append(item())
        return items

    def new_name(self) -> str:
        """A name that means nothing yet."""
        name = self.match(WORD)
        if name is None or name in self.reserved:
            raise self.error("expects a new name")
        if name in self.known | self.bound:
            raise self.error(f"gives the name {name!r} twice")
        return name
