"""Figures stage: Figures 4 and 5 from files whose chain is checked."""

from __future__ import annotations

from pathlib import Path

from pipeline.chain.experiment import Chain
from pipeline.chain.reports import QUALITATIVE, figures_report, finish_report
from pipeline.config.experiment import Experiment
from pipeline.qualitative_files import FIGURE4, FIGURE5, read_figure4, read_figure5
from pipeline.reporting.figure4 import draw_figure4
from pipeline.reporting.figure5 import draw_figure5
from pipeline.reporting.headings import shown_metrics


def make_figures(experiment: Experiment) -> list[Path]:
    """Draw Figures 4 and 5 of an experiment in `reports/<experiment>/`; copy them to `reports/`.

    Raises:
        ConfigError: a metric's module breaks the contract.
        DataError: the folder is read-only or full.
        RecordError: the files of `qualitative` are missing, were changed, or are not those of the
            records of today.
    """
    Chain(experiment).require(QUALITATIVE)
    report = figures_report(experiment)
    folder, metrics = report.record.parent, shown_metrics(experiment.metrics)
    draw_figure4(read_figure4(folder), folder / FIGURE4, experiment, metrics)
    draw_figure5(read_figure5(folder), folder / FIGURE5, experiment)
    return finish_report(experiment, report)
