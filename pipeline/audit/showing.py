"""The arithmetic of a claim as a reader sees it: the expression with the printed digits in it."""

from __future__ import annotations

from itertools import pairwise
from typing import assert_never

from pipeline.audit import syntax
from pipeline.audit.intervals import Truth, short
from pipeline.audit.semantics import Evaluation, Names
from pipeline.audit.tables import TABLE1, Tables, lower_is_better

_LEAVES = (syntax.Number, syntax.Cell, syntax.Known)
_TIGHT = (*_LEAVES, syntax.Absolute)
_MUST: dict[syntax.Comparison, str] = {
    "=": "equal",
    "!=": "differ from",
    "<": "be below",
    "<=": "be at most",
    ">": "be above",
    ">=": "be at least",
    "rounds to": "round to",
}
_ALL = {"for each": "all of", "exists": "one of", "no": "none of"}
_OPEN: dict[Truth, str] = {True: "", False: "", None: "?"}


class Arithmetic:
    """Shows the parts of one expression with the content of `tables`."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.evaluation = Evaluation(tables)

    def definitions(self, names: Names) -> str:
        """The numbers that `let` names, as an introduction; empty if there are none."""
        named = ", ".join(f"{name} = {short(one.middle)}" for name, one in names.known.items())
        return f"{named}: " if named else ""

    def calculation(self, node: syntax.Numeric, names: Names) -> str:
        """`digits = result in interval`; the result alone where it is exact."""
        text, interval = self.number(node, names), self.evaluation.number(node, names)
        if isinstance(node, _LEAVES):
            return text
        if interval.is_point:
            return f"{text} = {short(interval.low)}"
        middle = Evaluation(self.tables.middles).number(node, names)
        return f"{text} = {short(middle.low)} in {interval}"

    def number(self, node: syntax.Numeric, names: Names) -> str:
        """A number with the digits of its cells."""
        match node:
            case syntax.Number():
                return node.text
            case syntax.Cell():
                row, column = node.row.resolved(names.bound), node.column.resolved(names.bound)
                return self.cell(node.table, row, column)
            case syntax.Known():
                return node.name
            case syntax.Negative():
                return f"-{self._inside(node.inner, names)}"
            case syntax.Absolute():
                return f"abs({self.number(node.inner, names)})"
            case syntax.Power():
                return f"{self._inside(node.base, names)}^{node.exponent}"
            case syntax.Sum():
                terms = [
                    sign + self._inside(term, names, (syntax.Product, syntax.Power))
                    for sign, term in node.terms
                ]
                return "".join(terms).removeprefix("+")
            case syntax.Product():
                factors = [
                    sign + self._inside(part, names, (syntax.Power,)) for sign, part in node.factors
                ]
                return "".join(factors).removeprefix("*")
        assert_never(node)

    def statement(self, node: syntax.Statement, names: Names) -> str:
        """A statement with the digits of its cells, and what its sides come to."""
        match node:
            case syntax.Compare():
                left, right = (self.calculation(side, names) for side in (node.left, node.right))
                if isinstance(node.left, _LEAVES) and isinstance(node.right, _LEAVES):
                    sign = "against" if node.operator == "rounds to" else node.operator
                    return f"{left} {sign} {right}"
                return f"{left}; must {_MUST[node.operator]} {right}"
            case syntax.Not():
                return f"not ({self.statement(node.inner, names)})"
            case syntax.Both() | syntax.Either():
                word = " and " if isinstance(node, syntax.Both) else " or "
                return word.join(self.statement(part, names) for part in node.parts)
            case syntax.Quantified():
                return self._quantified(node, names)
            case syntax.Same():
                left, right = self.members(node.left, names), self.members(node.right, names)
                return left if left == right else f"{left}; must equal {right}"
            case syntax.Member():
                return f"{node.row.resolved(names.bound)} in {self.members(node.rows, names)}"
            case syntax.Has():
                return f"{node.cell.row.resolved(names.bound)} is there"
            case syntax.Better():
                return self._better(node, names)
            case syntax.Ordered():
                between = " < " if node.direction == "increasing" else " > "
                return between.join(self._cells(node.column, node.rows, names))
            case syntax.EqualSteps():
                return self._steps(node, names)
        assert_never(node)

    def members(self, node: syntax.RowSet, names: Names) -> str:
        """A set; rows that may belong to it have a question mark."""
        found = self.evaluation.members(node, names)
        return f"{{{', '.join(row + _OPEN[truth] for row, truth in found.items())}}}"

    def cell(self, table: str, row: str, column: str) -> str:
        """The digits of a cell; its name if it is not there."""
        if not self.tables.has(table, row, column):
            return f"{table}[{row},{column}]"
        return self.tables.value(table, row, column).text

    def _inside(self, node: syntax.Numeric, names: Names, tighter: tuple[type, ...] = ()) -> str:
        text = self.number(node, names)
        return text if isinstance(node, (*_TIGHT, *tighter)) else f"({text})"

    def _cells(self, column: syntax.Name, rows: tuple[syntax.Name, ...], names: Names) -> list[str]:
        resolved = column.resolved(names.bound)
        return [self.cell(TABLE1, row.resolved(names.bound), resolved) for row in rows]

    def _better(self, node: syntax.Better, names: Names) -> str:
        sign = "<" if lower_is_better(node.column.resolved(names.bound)) else ">"
        one, other = self._cells(node.column, (node.first, node.second), names)
        return f"{one} {sign}{'=' if node.ties else ''} {other}"

    def _steps(self, node: syntax.EqualSteps, names: Names) -> str:
        column = node.column.resolved(names.bound)
        rows = [row.resolved(names.bound) for row in node.rows]
        values = [self.tables.value(TABLE1, row, column).interval.middle for row in rows]
        steps = [short(after - before) for before, after in pairwise(values)]
        step = self.evaluation.step(node, names)
        common = "no common step" if step is None else f"a common step in {step}"
        return f"steps {', '.join(steps)}: {common}"

    def _quantified(self, node: syntax.Quantified, names: Names) -> str:
        body = node.body
        variables = [binder.variable for binder in node.binders]
        if isinstance(body, syntax.Member) and body.row.text in variables:
            # The set says it for all rows at once.
            return self.members(body.rows, names)
        shown = [
            f"{' '.join(bound.values())} {self.statement(body, names.binding(bound))}"
            for bound, _ in self.evaluation.instances(node, names)
        ]
        return f"{_ALL[node.kind]}: {'; '.join(shown) or 'nothing'}"
