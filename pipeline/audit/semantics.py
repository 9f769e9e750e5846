"""What each part of an expression means: three-valued, with intervals for printed numbers.

A statement is true, false, or `None`: true for some of the values that would be printed so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise, product
from typing import assert_never

from pipeline.audit import syntax
from pipeline.audit.intervals import ClaimError, Interval, Truth, all_of, any_of, negated
from pipeline.audit.tables import TABLE1, Tables, lower_is_better

MAX_STEPS = 50_000
"""Cells that one expression may look up."""


@dataclass(frozen=True)
class Names:
    """Values of bound variables (rows, columns, ...) and of the numbers that `let` names."""

    bound: dict[str, str] = field(default_factory=dict)
    known: dict[str, Interval] = field(default_factory=dict)

    def binding(self, bound: Mapping[str, str]) -> Names:
        """The same with further variables."""
        return Names({**self.bound, **bound}, self.known)


class Evaluation:
    """Evaluates the parts of one expression on `tables`, in at most `MAX_STEPS` steps."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.steps = 0

    def number(self, node: syntax.Numeric, names: Names) -> Interval:
        """The values that a number may have.

        Raises:
            ClaimError: a missing cell, a division by zero, too many digits or steps.
        """
        match node:
            case syntax.Number():
                return Interval.point(node.value)
            case syntax.Cell():
                row, column = node.row.resolved(names.bound), node.column.resolved(names.bound)
                return self._cell(node.table, row, column)
            case syntax.Known():
                return names.known[node.name]
            case syntax.Negative():
                return -self.number(node.inner, names)
            case syntax.Absolute():
                return abs(self.number(node.inner, names))
            case syntax.Power():
                return self.number(node.base, names) ** node.exponent
            case syntax.Sum():
                total = Interval.point(0)
                for sign, term in node.terms:
                    value = self.number(term, names)
                    total = total + (value if sign == "+" else -value)
                return total
            case syntax.Product():
                result = Interval.point(1)
                for operator, factor in node.factors:
                    value = self.number(factor, names)
                    result = result * value if operator == "*" else result / value
                return result
        assert_never(node)

    def truth(self, node: syntax.Statement, names: Names) -> Truth:
        """Whether a statement is true.

        Raises:
            ClaimError: as for `number`.
        """
        match node:
            case syntax.Compare():
                return self._compared(node, names)
            case syntax.Not():
                return negated(self.truth(node.inner, names))
            case syntax.Both():
                return all_of(self.truth(part, names) for part in node.parts)
            case syntax.Either():
                return any_of(self.truth(part, names) for part in node.parts)
            case syntax.Quantified():
                found = (truth for _, truth in self.instances(node, names))
                if node.kind == "for each":
                    return all_of(found)
                return any_of(found) if node.kind == "exists" else negated(any_of(found))
            case syntax.Same():
                left, right = self.members(node.left, names), self.members(node.right, names)
                rows = {**left, **right}
                return all_of(_same(left.get(row, False), right.get(row, False)) for row in rows)
            case syntax.Member():
                return self.members(node.rows, names).get(node.row.resolved(names.bound), False)
            case syntax.Has():
                row, column = (
                    part.resolved(names.bound) for part in (node.cell.row, node.cell.column)
                )
                return self.tables.has(node.cell.table, row, column)
            case syntax.Better():
                column, one, other = (
                    part.resolved(names.bound) for part in (node.column, node.first, node.second)
                )
                return self._better(column, one, other, node.ties)
            case syntax.Ordered():
                values = self._column(node.column, node.rows, names)
                if node.direction == "decreasing":
                    values.reverse()
                return all_of(one.less(two) for one, two in pairwise(values))
            case syntax.EqualSteps():
                return False if self.step(node, names) is None else None
        assert_never(node)

    def instances(
        self, node: syntax.Quantified, names: Names
    ) -> Iterator[tuple[dict[str, str], Truth]]:
        """Each combination of a quantifier's variables, and whether its statement is true.

        Combinations for which `where` is false are left out; where it is open, the statement
        counts with it: for `for each` as "if", for the others as "and".
        """
        variables = [binder.variable for binder in node.binders]
        for values in product(*(self.tables.domain(binder.domain) for binder in node.binders)):
            self._count()
            bound = dict(zip(variables, values, strict=True))
            inner = names.binding(bound)
            condition = True if node.where is None else self.truth(node.where, inner)
            if condition is False:
                continue
            body = self.truth(node.body, inner)
            if node.kind == "for each":
                yield bound, any_of((negated(condition), body))
            else:
                yield bound, all_of((condition, body))

    def members(self, node: syntax.RowSet, names: Names) -> dict[str, Truth]:
        """The rows that belong to a set, or may do so."""
        if isinstance(node, syntax.Rows):
            return {name.resolved(names.bound): True for name in node.names}
        columns = (node.column,) if isinstance(node, syntax.Best) else node.columns
        used = [column.resolved(names.bound) for column in columns]
        rows = [
            row
            for row in self.tables.domain("row")
            if all(self.tables.has(TABLE1, row, column) for column in used)
        ]
        if not rows:
            raise ClaimError(f"table {TABLE1} has no row with {' and '.join(used)}")
        found = {row: self._undominated(row, rows, used) for row in rows}
        return {row: truth for row, truth in found.items() if truth is not False}

    def step(self, node: syntax.EqualSteps, names: Names) -> Interval | None:
        """The values that one step between all neighbors may have; `None` if there are none."""
        values = self._column(node.column, node.rows, names)
        found: Interval | None = None
        for (low, first), (high, second) in combinations(enumerate(values), 2):
            step = (second - first) / Interval.point(high - low)
            found = step if found is None else found.common(step)
            if found is None:
                return None
        return found

    def _compared(self, node: syntax.Compare, names: Names) -> Truth:
        left, right = self.number(node.left, names), self.number(node.right, names)
        match node.operator:
            case "=":
                return left.equal(right)
            case "!=":
                return negated(left.equal(right))
            case "<":
                return left.less(right)
            case "<=":
                return left.less_or_equal(right)
            case ">":
                return right.less(left)
            case ">=":
                return right.less_or_equal(left)
            case "rounds to":
                return left.rounds_to(right)
        assert_never(node.operator)

    def _undominated(self, row: str, rows: list[str], columns: list[str]) -> Truth:
        """Whether no other row is as good in all columns and better in one."""

        def beats(other: str) -> Truth:
            as_good = all_of(self._better(column, other, row, True) for column in columns)
            better = any_of(self._better(column, other, row, False) for column in columns)
            return all_of((as_good, better))

        return negated(any_of(beats(other) for other in rows if other != row))

    def _better(self, column: str, one: str, other: str, ties: bool) -> Truth:
        if one == other:
            return ties
        first, second = self._cell(TABLE1, one, column), self._cell(TABLE1, other, column)
        low, high = (first, second) if lower_is_better(column) else (second, first)
        return low.less_or_equal(high) if ties else low.less(high)

    def _column(
        self, column: syntax.Name, rows: tuple[syntax.Name, ...], names: Names
    ) -> list[Interval]:
        return [
            self._cell(TABLE1, row.resolved(names.bound), column.resolved(names.bound))
            for row in rows
        ]

    def _cell(self, table: str, row: str, column: str) -> Interval:
        self._count()
        return self.tables.value(table, row, column).interval

    def _count(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise ClaimError(f"the expression takes more than {MAX_STEPS} steps")


def _same(one: Truth, other: Truth) -> Truth:
    return None if one is None or other is None else one == other
