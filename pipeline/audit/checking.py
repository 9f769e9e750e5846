"""The audit: every claim and every value from elsewhere, with a verdict and its arithmetic."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pipeline.audit import syntax
from pipeline.audit.claims import MANUAL, VALUE, Claim, failed, read_claims
from pipeline.audit.counted import read_counted
from pipeline.audit.evaluate import VERDICTS, Verdict, evaluate_claim, prepared
from pipeline.audit.intervals import ClaimError, Interval, Truth, all_of, short
from pipeline.audit.literature import Entry, literature_table, read_literature
from pipeline.audit.near import near_explanations
from pipeline.audit.printed import read_table1, read_table2
from pipeline.audit.semantics import Names
from pipeline.audit.showing import Arithmetic
from pipeline.audit.tables import COUNTED, LITERATURE, TABLE1, TABLE2, Tables

_SHORT = 150
"""Cases that don't fail are listed in at most so many characters."""


@dataclass(frozen=True)
class Case:
    """One combination that a quantifier runs over, by name, and what it comes to."""

    name: str
    verdict: Verdict
    arithmetic: str


@dataclass(frozen=True)
class Line:
    """A claim, or the values of one source, and what the audit finds.

    `computed`: the number, exact; or whether the statement is true, `None` if the digits cannot
    tell or nothing was computed. `interval`: all values the number may have. `printed`: what the
    paper prints. `cases`: of a statement that begins with a quantifier. `near`: see
    `near_explanations`.
    """

    claim: Claim
    verdict: Verdict
    computed: float | bool | None = None
    interval: Interval | None = None
    arithmetic: str = ""
    cases: tuple[Case, ...] = ()
    near: tuple[str, ...] = ()

    @property
    def printed(self) -> float | bool | str | None:
        """What the claim says, as a number or a truth value where it is one."""
        text = self.claim.published
        if self.claim.kind == VALUE:
            return float(text)
        return {"true": True, "false": False}.get(text, text or None)


def audit(published: Path, counted: Path) -> list[Line]:
    """Check the claims of a folder against its tables.

    Args:
        published: folder with `table1.csv`, `table2.csv`, `literature.csv` and `claims.csv`.
        counted: the counts of `dmtbench complexity --all --csv`.

    Raises:
        DataError: one of the files is missing or damaged, or a claim cannot be evaluated; the
            message names file, line and remedy.
    """
    table1 = read_table1(published / "table1.csv")
    entries = read_literature(published / "literature.csv", table1)
    tables = Tables(
        {
            TABLE1: table1,
            TABLE2: read_table2(published / "table2.csv"),
            COUNTED: read_counted(counted),
            LITERATURE: literature_table(entries),
        }
    )
    path = published / "claims.csv"
    lines = []
    for claim in read_claims(path, tables):
        try:
            lines.append(_claim_line(claim, tables))
        except ClaimError as error:
            raise failed(path, claim, error) from None
    return [*lines, *(_entry_line(number, one, tables) for number, one in enumerate(entries, 1))]


def _claim_line(claim: Claim, tables: Tables) -> Line:
    if claim.kind == MANUAL:
        return Line(claim, Verdict.UNDECIDABLE)
    finding = evaluate_claim(claim.expression, tables, claim.published)
    body, evaluation, names = prepared(claim.expression, tables)
    arithmetic = Arithmetic(tables)
    if finding.interval is not None:
        shown = arithmetic.definitions(names)
        shown += arithmetic.calculation(cast(syntax.Numeric, body), names)
        middle = prepared(claim.expression, tables.middles)
        value = middle[1].number(cast(syntax.Numeric, middle[0]), middle[2]).low
        fails = finding.verdict is Verdict.FAILS
        near = near_explanations(claim.expression, tables, claim.published) if fails else []
        return Line(claim, finding.verdict, float(value), finding.interval, shown, near=tuple(near))
    truth = evaluation.truth(cast(syntax.Statement, body), names)
    if isinstance(body, syntax.Quantified):
        cases = tuple(_cases(body, arithmetic, names))
        return Line(claim, finding.verdict, truth, arithmetic=_summary(cases), cases=cases)
    shown = arithmetic.definitions(names)
    shown += arithmetic.statement(cast(syntax.Statement, body), names)
    return Line(claim, finding.verdict, truth, arithmetic=shown)


def _cases(node: syntax.Quantified, arithmetic: Arithmetic, names: Names) -> list[Case]:
    return [
        Case(
            " ".join(bound.values()),
            VERDICTS[truth],
            arithmetic.statement(node.body, names.binding(bound)),
        )
        for bound, truth in arithmetic.evaluation.instances(node, names)
    ]


def _summary(cases: tuple[Case, ...]) -> str:
    """How many cases there are of each verdict, then those worth reading, equal ones together."""
    groups: defaultdict[Verdict, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.verdict].append(case)
    texts = []
    for verdict in (Verdict.FAILS, Verdict.WITHIN, Verdict.HOLDS):
        found = groups[verdict]
        if not found:
            continue
        text = f"{len(found)} of {len(cases)} {_words(verdict, len(found))}"
        listed = _together(found)
        if verdict is Verdict.FAILS or len(listed) <= _SHORT:
            text += f" ({listed})"
        texts.append(text)
    return "; ".join(texts) or "no case"


def _words(verdict: Verdict, count: int) -> str:
    one, many = {
        Verdict.FAILS: ("fails", "fail"),
        Verdict.HOLDS: ("holds", "hold"),
        Verdict.WITHIN: ("within rounding", "within rounding"),
    }[verdict]
    return one if count == 1 else many


def _together(cases: list[Case]) -> str:
    same: defaultdict[str, list[str]] = defaultdict(list)
    for case in cases:
        same[case.arithmetic].append(case.name)
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in same.items())


def _entry_line(number: int, entry: Entry, tables: Tables) -> Line:
    """Whether the values of one source are those of Table 1."""
    cases, truths, texts = [], list[Truth](), []
    for column, value in entry.values.items():
        printed = tables.value(TABLE1, entry.method, column)
        truth = value.interval.rounds_to(printed.interval)
        difference = value.interval.middle - printed.interval.middle
        shown = f"{value.text} against {printed.text}"
        if truth is not True:
            shown += f", {'+' if difference >= 0 else ''}{short(difference)}"
        cases.append(Case(column, VERDICTS[truth], shown))
        truths.append(truth)
    for verdict in (Verdict.FAILS, Verdict.WITHIN):
        texts += [f"{one.name} {one.arithmetic}" for one in cases if one.verdict is verdict]
    same = sum(truth is True for truth in truths)
    summary = "; ".join([*texts, *([f"{same} of {len(cases)} equal"] if same else [])])
    claim = Claim(
        f"L{number:02d}",
        entry.source,
        "holds",
        f"{entry.name} as in Table 1 ({entry.source}; {entry.protocol})",
        "",
        "true",
        "arithmetic",
        "",
        0,
    )
    found = all_of(truths)
    return Line(claim, VERDICTS[found], found, arithmetic=summary, cases=tuple(cases))
