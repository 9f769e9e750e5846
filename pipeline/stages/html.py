"""HTML stage: the page of an experiment, from records and tables whose chain is checked."""

from __future__ import annotations

from pathlib import Path

from pipeline.chain.experiment import Chain
from pipeline.chain.reports import finish_report, html_report, reports
from pipeline.config.experiment import Experiment
from pipeline.files import write_text
from pipeline.html_report.page import page
from pipeline.html_report.reading import read_inputs


def make_html(experiment: Experiment, config: Path) -> list[Path]:
    """Make `index.html` in `reports/<experiment>/`, and its copy in `reports/`.

    Args:
        experiment: what was requested.
        config: its file, for the commands on the page.

    Raises:
        RecordError: a table, verdict or result is missing, broken or foreign; the message names
            the file and the remedy.
        DataError: a table cannot be read; the folder is read-only or full.
        ConfigError: a metric's module breaks the contract.
    """
    report, chain = html_report(experiment), Chain(experiment)
    for name in reports(experiment):
        if name in report.needs:
            chain.require(name)
    (target,) = report.files
    write_text(target, page(read_inputs(experiment, config, chain)))
    return finish_report(experiment, report)
