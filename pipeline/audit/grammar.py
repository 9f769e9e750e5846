"""Parser of claims: text to the parts in `pipeline.audit.syntax`, by recursive descent.

    expression = [ "let" name "=" sum { "," name "=" sum } ":" ] either
    either     = both { "or" both }
    both       = inverse { "and" inverse }
    inverse    = "not" inverse | comparison
    comparison = sum [ ( "=" | "!=" | "<" | "<=" | ">" | ">=" | "rounds to" ) sum ]
               | set ( "=" | "!=" ) set | row "in" set
    sum        = product { ( "+" | "-" ) product }
    product    = unary { ( "*" | "/" ) unary }
    unary      = "-" unary | primary [ "^" digits ]
    primary    = number | name | table "[" row "," column "]" | "abs" "(" sum ")"
               | "(" either ")" | test | quantifier | set
    set        = "{" row { "," row } "}" | row | "best" "(" column ")"
               | "pareto" "(" column "," column ")"
    test       = ( "increasing" | "decreasing" | "equal_steps" ) "(" column { "," row } ")"
               | ( "better" | "as_good" ) "(" column "," row "," row ")" | "has" "(" cell ")"
    quantifier = ( "for each" | "exists" | "no" ) binder { "," binder } [ "where" either ]
                 ":" either
    binder     = domain variable

`docs/audit.md` explains what each part means. Nothing of an expression is ever executed as Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, cast

from pipeline.audit import syntax
from pipeline.audit.intervals import MAX_EXPONENT, ClaimError, decimal
from pipeline.audit.scanner import WORD, NameScanner
from pipeline.errors import one_line

DOMAINS = ("DMTNet row", "other row", "row", "quality column", "metric", "part")
MAX_LENGTH, MAX_DEPTH, MAX_BINDERS = 2000, 30, 3

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_BARE_ROW = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*")
_QUANTIFIER = re.compile(r"for\s+each\b|exists\b|no\b")
_COMPARISON = re.compile(r"<=|>=|!=|=|<|>|rounds\s+to\b")
_DOMAIN = re.compile(r"|".join(rf"{name}\b".replace(" ", r"\s+") for name in DOMAINS))
_RESERVED = {"let", "for", "exists", "no", "where", "and", "or", "not", "in"}

_Part = syntax.Numeric | syntax.Statement | syntax.RowSet | syntax.Name


def parse(text: str) -> syntax.Expression:
    """Parse the expression of a claim.

    Raises:
        ClaimError: it is not in the grammar above, is longer than `MAX_LENGTH` characters, nested
            deeper than `MAX_DEPTH`, or has more than `MAX_BINDERS` bound variables.

    Example:
        >>> parse("t1[RDPD+,combined_psnr] < 26").left.row
        Name(text='RDPD+')
    """
    if len(text) > MAX_LENGTH:
        raise ClaimError(f"the expression is longer than {MAX_LENGTH} characters")
    return _Parser(text).whole()


class _Parser(NameScanner):
    def __init__(self, text: str) -> None:
        super().__init__(text, _RESERVED | set(_FUNCTIONS))
        self.depth = 0
        self.binders = 0

    def whole(self) -> syntax.Expression:
        names: list[tuple[str, syntax.Numeric]] = []
        if self.word("let"):
            names = self.listed(self.definition)
            self.need(":")
        body = self.either()
        if isinstance(body, syntax.Name | syntax.Rows | syntax.Best | syntax.Pareto):
            raise self.error("expects a number or a statement, and finds a row or a set of rows")
        self.space()
        if self.at < len(self.text):
            raise self.error("expects the end")
        return syntax.Let(tuple(names), body) if names else body

    def definition(self) -> tuple[str, syntax.Numeric]:
        name = self.new_name()
        self.need("=")
        value = self.number(self.sum())
        self.known.add(name)
        return name, value

    # Statements ---------------------------------------------------------------------------------

    def either(self) -> _Part:
        self.enter()
        parts = self.chain(
            "or", lambda: self.chain("and", self.inverse, syntax.Both), syntax.Either
        )
        self.depth -= 1
        return parts

    def chain(
        self, word: str, part: Callable[[], _Part], kind: type[syntax.Both] | type[syntax.Either]
    ) -> _Part:
        first = part()
        if not self.ahead(word):
            return first
        parts = [self.statement(first)]
        while self.word(word):
            parts.append(self.statement(part()))
        return kind(tuple(parts))

    def inverse(self) -> _Part:
        if not self.word("not"):
            return self.comparison()
        self.enter()
        inner = self.statement(self.inverse())
        self.depth -= 1
        return syntax.Not(inner)

    def comparison(self) -> _Part:
        left = self.sum()
        if isinstance(left, syntax.Name) and self.word("in"):
            return syntax.Member(left, self.row_set())
        operator = self.match(_COMPARISON)
        if operator is None:
            return left
        operator = " ".join(operator.split())
        if isinstance(left, (syntax.Name, *syntax.ROW_SETS)) and operator in ("=", "!="):
            rows = syntax.Rows((left,)) if isinstance(left, syntax.Name) else left
            same = syntax.Same(cast(syntax.RowSet, rows), self.row_set())
            return same if operator == "=" else syntax.Not(same)
        return syntax.Compare(
            cast(syntax.Comparison, operator), self.number(left), self.number(self.sum())
        )

    def quantifier(self, kind: str) -> syntax.Quantified:
        outer = set(self.bound)
        binders = tuple(self.listed(self.binder))
        where = self.statement(self.either()) if self.word("where") else None
        self.need(":")
        body = self.statement(self.either())
        self.bound = outer
        kind = " ".join(kind.split())
        return syntax.Quantified(
            cast(Literal["for each", "exists", "no"], kind), binders, where, body
        )

    def binder(self) -> syntax.Binder:
        domain = self.match(_DOMAIN)
        if domain is None:
            raise self.error(f"expects one of: {', '.join(DOMAINS)}")
        self.binders += 1
        if self.binders > MAX_BINDERS:
            raise self.error(f"has more than {MAX_BINDERS} bound variables")
        variable = self.new_name()
        self.bound.add(variable)
        return syntax.Binder(" ".join(domain.split()), variable)

    # Numbers ------------------------------------------------------------------------------------

    def sum(self) -> _Part:
        first = self.product()
        terms: list[tuple[Literal["+", "-"], syntax.Numeric]] = []
        while (sign := self.one_of("+-")) is not None:
            terms = terms or [("+", self.number(first))]
            terms.append((cast(Literal["+", "-"], sign), self.number(self.product())))
        return syntax.Sum(tuple(terms)) if terms else first

    def product(self) -> _Part:
        first = self.unary()
        factors: list[tuple[Literal["*", "/"], syntax.Numeric]] = []
        while (sign := self.one_of("*/")) is not None:
            factors = factors or [("*", self.number(first))]
            factors.append((cast(Literal["*", "/"], sign), self.number(self.unary())))
        return syntax.Product(tuple(factors)) if factors else first

    def unary(self) -> _Part:
        if self.one_of("-") is not None:
            self.enter()
            inner = self.number(self.unary())
            self.depth -= 1
            return syntax.Negative(inner)
        base = self.primary()
        if self.one_of("^") is None:
            return base
        digits = self.match(_NUMBER)
        if digits is None or not digits.isdecimal() or len(digits) > 3:
            raise self.error(f"expects an exponent from 0 to {MAX_EXPONENT}")
        return syntax.Power(self.number(base), int(digits))

    def primary(self) -> _Part:
        if self.symbol("("):
            inner = self.either()
            self.need(")")
            return inner
        if (digits := self.match(_NUMBER)) is not None:
            return syntax.Number(decimal(digits)[0], digits)
        if (kind := self.match(_QUANTIFIER)) is not None:
            return self.quantifier(kind)
        if self.ahead_symbol("{"):
            return self.row_set()
        return self.named()

    def named(self) -> _Part:
        start = self.at
        word = self.match(WORD)
        if word is None or word in _RESERVED:
            self.at = start
            raise self.error("expects a number, a cell, a name or a statement")
        if word in _FUNCTIONS and self.symbol("("):
            made = _FUNCTIONS[word](self)
            self.need(")")
            return made
        if self.symbol("["):
            row = self.name()
            self.need(",")
            column = self.name()
            self.need("]")
            return syntax.Cell(word, row, column)
        if word in self.known:
            return syntax.Known(word)
        self.at = start
        return syntax.Name(cast(str, self.match(_BARE_ROW)))

    # Rows and columns ---------------------------------------------------------------------------

    def row_set(self) -> syntax.RowSet:
        if self.symbol("{"):
            rows = self.listed(self.name)
            self.need("}")
            return syntax.Rows(tuple(rows))
        found = self.named()
        if isinstance(found, syntax.Name):
            return syntax.Rows((found,))
        if isinstance(found, syntax.ROW_SETS):
            return cast(syntax.RowSet, found)
        raise self.error("expects a row or a set of rows before this")

    def cell(self) -> syntax.Cell:
        found = self.named()
        if not isinstance(found, syntax.Cell):
            raise self.error("expects a cell such as t1[row,column]")
        return found

    # Kinds ---------------------------------------------------------------------------

    def number(self, part: _Part) -> syntax.Numeric:
        if isinstance(part, syntax.NUMERIC):
            return cast(syntax.Numeric, part)
        name = f"the name {one_line(part.text)!r}" if isinstance(part, syntax.Name) else ""
        raise self.error(f"expects a number before this, and finds {name or 'something else'}")

    def statement(self, part: _Part) -> syntax.Statement:
        if isinstance(part, (syntax.Name, *syntax.NUMERIC, *syntax.ROW_SETS)):
            raise self.error("expects a statement before this, and finds a number or a name")
        return cast(syntax.Statement, part)

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"is nested more than {MAX_DEPTH} deep")


def _absolute(parser: _Parser) -> syntax.Absolute:
    parser.enter()
    inner = parser.number(parser.sum())
    parser.depth -= 1
    return syntax.Absolute(inner)


def _ordered(direction: Literal["increasing", "decreasing"]) -> Callable[[_Parser], syntax.Ordered]:
    return lambda parser: syntax.Ordered(direction, parser.name(), parser.rows_after(None))


def _better(ties: bool) -> Callable[[_Parser], syntax.Better]:
    def make(parser: _Parser) -> syntax.Better:
        column = parser.name()
        first, second = parser.rows_after(2)
        return syntax.Better(column, first, second, ties)

    return make


def _pareto(parser: _Parser) -> syntax.Pareto:
    first = parser.name()
    parser.need(",")
    return syntax.Pareto((first, parser.name()))


_FUNCTIONS: dict[str, Callable[[_Parser], _Part]] = {
    "abs": _absolute,
    "as_good": _better(True),
    "best": lambda parser: syntax.Best(parser.name()),
    "better": _better(False),
    "decreasing": _ordered("decreasing"),
    "equal_steps": lambda parser: syntax.EqualSteps(parser.name(), parser.rows_after(None)),
    "has": lambda parser: syntax.Has(parser.cell()),
    "increasing": _ordered("increasing"),
    "pareto": _pareto,
}
