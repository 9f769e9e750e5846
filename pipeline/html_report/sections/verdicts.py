"""Verdicts on the paper's cells and claims, with the audit of its own tables beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from markupsafe import Markup

from pipeline.audit.checking import Line
from pipeline.html_report.cells import Cell, Head, Table, text_cell
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.numbers import NOTHING
from pipeline.html_report.verdict_cells import verdict_cell
from pipeline.verdicts import VERDICTS

_HEADS = (
    Head("Claim", number=False, compact=True),
    Head("Statement", number=False, wide=True),
    Head("Published", number=False),
    Head("Ours", number=False),
    Head("Seeds", shown=False),
    Head("Verdict", number=False),
    Head("Audit", number=False),
    Head("Why", number=False, wide=True),
    Head("Arithmetic of the audit", number=False, wide=True, shown=False),
)
_AUDIT = {
    "holds": "true for every value that would be printed so",
    "fails": "false for every value that would be printed so",
    "within rounding": "the printed digits cannot tell",
    "not decidable": "no arithmetic on the tables decides it",
}


def verdicts(inputs: PageInputs) -> Markup:
    """Counts of verdicts, and every claim with its verdict and its audit."""
    frame = inputs.verdicts
    kinds = {kind: frame[frame["kind"] == kind] for kind in ("cell", "claim")}
    counts = {kind: Counter(part["verdict"]) for kind, part in kinds.items()}
    audited = {line.claim.id: line for line in inputs.audit}
    claims = {str(row["id"]): row for _, row in kinds["claim"].iterrows()}
    rows = [
        [*_claim(name, claims.get(name), audited.get(name))]
        for name in dict.fromkeys([*claims, *(n for n, line in audited.items() if _asked(line))])
    ]
    return render(
        "verdicts.html",
        verdicts=[(verdict_cell(name), VERDICTS[name], counts) for name in VERDICTS],
        counts=counts,
        audit=[
            (verdict_cell(str(verdict)), number)
            for verdict, number in sorted(
                Counter(line.verdict for line in inputs.audit if _asked(line)).items()
            )
        ],
        meanings=_AUDIT,
        claims=Table("claims", "Claims of the paper", _HEADS, rows),
        files={
            "cells and claims": inputs.link(inputs.places.reports / "verdicts.csv"),
            "pairs": inputs.link(inputs.places.reports / "comparisons.csv"),
            "all as text": inputs.link(inputs.places.reports / "verdicts.md"),
        },
    )


def _asked(line: Line) -> bool:
    """Whether it is a claim of the paper, not a value from elsewhere."""
    return line.claim.id.startswith("C")


def _claim(name: str, row: object, line: Line | None) -> Iterator[Cell]:
    get = row.get if hasattr(row, "get") else {}.get
    statement = str(get("statement", "") or (line.claim.statement if line else ""))
    yield Cell(name, name)
    yield text_cell(statement)
    yield text_cell(str(get("published", "") or ""))
    yield text_cell(str(get("ours", "") or ""))
    seeds = str(get("n_seeds", "") or "")
    yield Cell(seeds or NOTHING, float(seeds) if seeds else None)
    yield verdict_cell(str(get("verdict", "") or ""))
    yield verdict_cell(str(line.verdict)) if line else text_cell("")
    yield text_cell(str(get("reason", "") or ""))
    yield text_cell(line.arithmetic if line else "")
