"""Tables 1 and 2, ours next to published."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.chain.report_files import FILES
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.result_tables import TABLE1_SCORES, TABLE2_SCORES, result_tables
from pipeline.reporting.notes import notes


def table1(inputs: PageInputs) -> Markup:
    """The paper's Table 1; a demo's rows stand in a block of their own."""
    made = result_tables(inputs, inputs.table1, "table1", TABLE1_SCORES)
    return render("results.html", tables=made, notes=notes(inputs.table1), files=_files(inputs, 1))


def table2(inputs: PageInputs) -> Markup:
    """The paper's Table 2, the ablation of DMTNet-B."""
    made = result_tables(inputs, inputs.table2, "table2", TABLE2_SCORES)
    return render("results.html", tables=made, notes=notes(inputs.table2), files=_files(inputs, 2))


def _files(inputs: PageInputs, number: int) -> dict[str, str]:
    names = [f"table{number}.{ending}" for ending in ("csv", "md", "tex")]
    if number == 1:
        names += FILES["latex"]
    return {name: inputs.link(inputs.places.reports / name) for name in names}
