"""Evaluator of claims: from an expression and tables to a verdict.

Errors are declared ones (`ClaimError`) for every input; no expression is executed as Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from pipeline.audit import syntax
from pipeline.audit.grammar import parse
from pipeline.audit.intervals import ClaimError, Interval, Truth, negated
from pipeline.audit.semantics import Evaluation, Names
from pipeline.audit.tables import Tables


class Verdict(StrEnum):
    """What a claim is found to be."""

    HOLDS = "holds"
    """For every value that would be printed as in the tables."""
    FAILS = "fails"
    """For none of them."""
    WITHIN = "within rounding"
    """For some of them: the printed digits cannot tell."""
    UNDECIDABLE = "not decidable"
    """By no arithmetic on the tables."""


VERDICTS: dict[Truth, Verdict] = {
    True: Verdict.HOLDS,
    False: Verdict.FAILS,
    None: Verdict.WITHIN,
}


@dataclass(frozen=True)
class Finding:
    """The outcome of one expression: its verdict, and for a number, the values it may have."""

    verdict: Verdict
    interval: Interval | None = None


def evaluate_claim(expression: str, tables: Tables, published: str = "true") -> Finding:
    """Evaluate a claim on any tables: the paper's printed ones, or points measured elsewhere.

    Args:
        expression: in the grammar of `pipeline.audit.grammar`.
        tables: what its cells refer to.
        published: what the claim says: `true` or `false` for a statement, for a number its
            printed digits. A number holds if all its values would be printed so.

    Raises:
        MissingCell: a cell that it needs is not in `tables`.
        ClaimError: the expression is not valid, divides by zero, or does not fit `published`.

    Example:
        >>> from pipeline.audit.tables import Table, Value
        >>> rows = {"A": {"combined_psnr": Value.printed("26.63")},
        ...         "B": {"combined_psnr": Value.printed("26.42")}}
        >>> text = "t1[A,combined_psnr] - t1[B,combined_psnr]"
        >>> str(evaluate_claim(text, Tables({"t1": Table(rows)}), "0.21").verdict)
        'within rounding'
        >>> str(evaluate_claim(text, Tables({"t1": Table(rows)}), "0.3").verdict)
        'fails'
    """
    body, evaluation, names = prepared(expression, tables)
    if isinstance(body, syntax.NUMERIC):
        interval = evaluation.number(cast(syntax.Numeric, body), names)
        return Finding(VERDICTS[interval.rounds_to(Interval.printed(published))], interval)
    if published not in ("true", "false"):
        raise ClaimError(f"a statement is true or false, and published is {published[:60]!r}")
    truth = evaluation.truth(cast(syntax.Statement, body), names)
    return Finding(VERDICTS[truth if published == "true" else negated(truth)])


def prepared(
    expression: str, tables: Tables
) -> tuple[syntax.Numeric | syntax.Statement, Evaluation, Names]:
    """The body of an expression, an evaluation on `tables`, and the numbers that `let` names.

    Raises:
        ClaimError: as for `evaluate_claim`.
    """
    whole, evaluation, names = parse(expression), Evaluation(tables), Names()
    if not isinstance(whole, syntax.Let):
        return whole, evaluation, names
    for name, number in whole.names:
        names.known[name] = evaluation.number(number, names)
    return whole.body, evaluation, names
