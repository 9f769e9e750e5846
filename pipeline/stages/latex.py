"""LaTeX stage: numbers of the tables as commands, and the publications of methods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.artifacts import RECORD
from pipeline.chain.experiment import Chain
from pipeline.chain.report_rows import TABLES, methods_of
from pipeline.chain.reports import finish_report, latex_report
from pipeline.chain.shown import shown_records
from pipeline.config.experiment import Experiment
from pipeline.files import write_text
from pipeline.method_citations import known_methods, method_citations
from pipeline.places import Places
from pipeline.records import ResultRecord
from pipeline.reporting import tables
from pipeline.reporting.bibliography import bibliography
from pipeline.reporting.macros import ValueTable, values_tex


def make_latex(experiment: Experiment) -> list[Path]:
    """Write `values.tex` and `methods.bib` to `reports/<experiment>/`; copy them to `reports/`.

    Raises:
        ConfigError: two numbers would have the same name.
        RecordError: a table is missing, was changed, or is not that of the records of today.
    """
    chain = Chain(experiment)
    for name in TABLES:
        chain.require(name)
    report = latex_report(experiment)
    folder = report.record.parent
    frames = {name: tables.read_table(folder / f"{name}.csv") for name in (*TABLES, "groups")}
    shown = (
        ValueTable("table1", frames["table1"]),
        ValueTable("table2", frames["table2"], prefix="ablation", rows="row"),
        ValueTable("groups", frames["groups"]),
    )
    values = values_tex(shown, _method_of(experiment), _records(experiment, chain))
    write_text(folder / "values.tex", values)
    write_text(folder / "methods.bib", bibliography(method_citations(experiment)))
    return finish_report(experiment, report)


def _method_of(experiment: Experiment) -> Callable[[str], str]:
    """Gives the name of the method behind a row, with the mark of its label if it has one."""
    names = {entry.row: name for name, entry in known_methods(experiment).items()}

    def method_of(label: str) -> str:
        for mark in (tables.GIVEN, tables.OFFICIAL, tables.SURROGATE):
            row = label.removesuffix(f" ({mark})")
            if row != label:
                return f"{names.get(row, row)} {mark}"
        return names.get(label, label)

    return method_of


def _records(experiment: Experiment, chain: Chain) -> dict[str, list[str]]:
    """Paths of the result records behind every row."""
    methods = dict.fromkeys(name for table in TABLES for name in methods_of(experiment, table))
    results = shown_records(experiment, list(methods), chain).results
    places = Places.of(experiment)

    def path(record: ResultRecord) -> str:
        if record.given_weights is not None:
            return (places.given(record.method) / RECORD).as_posix()
        return places.record(record.method, record.repetition).as_posix()

    return {row: [path(one) for one in found] for row, found in tables.by_row(results).items()}
