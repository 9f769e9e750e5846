"""The reproducibility checklists of the page."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from pipeline.html_report.cells import Cell, Head, Table, text_cell
from pipeline.html_report.checklist_items import Item, completeness, neurips
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.verdict_cells import verdict_cell

_HEADS = (
    Head("Item", number=False, wide=True),
    Head("Answer", number=False),
    Head("Reason and evidence", number=False, wide=True),
)


def checklist(inputs: PageInputs) -> Markup:
    """ML Code Completeness and NeurIPS items, each with its evidence or a no."""
    tables = [
        Table(name, title, _HEADS, _rows(inputs, items), tools=False)
        for name, title, items in (
            ("completeness", "ML Code Completeness Checklist", completeness(inputs)),
            ("neurips", "NeurIPS Paper Checklist", neurips(inputs)),
        )
    ]
    return render("checklist.html", tables=tables)


def _rows(inputs: PageInputs, items: Iterable[Item]) -> list[list[Cell]]:
    return [
        [
            text_cell(item.question),
            verdict_cell(item.answer),
            text_cell(item.reason, link=_link(inputs, item.evidence)),
        ]
        for item in items
    ]


def _link(inputs: PageInputs, evidence: str) -> str:
    is_anchor = evidence.startswith("#") or not evidence
    return evidence if is_anchor else inputs.evidence(evidence)
