"""Report stages: tables and plots from records whose chain is checked."""

from __future__ import annotations

from pathlib import Path

from pipeline.chain.experiment import Chain
from pipeline.chain.report_rows import methods_of
from pipeline.chain.reports import finish_report, plot_report, table_report
from pipeline.chain.shown import Shown, shown_records
from pipeline.config.experiment import Experiment
from pipeline.places import PUBLISHED
from pipeline.reporting.blocks import in_blocks
from pipeline.reporting.groups import build_groups
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.render import write_metrics, write_table
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2
from pipeline.reporting.tables import read_table


def make_table1(experiment: Experiment) -> list[Path]:
    """Make Table 1 of an experiment, the table of further scene groups and `metrics.json`.

    They are written to `reports/<experiment>/` and copied to `reports/`.

    Raises:
        RecordError: a result does not belong to the experiment, or something on the way to its
            data is broken.
        ConfigError: a metric's module breaks the contract.
    """
    report = table_report(experiment, "table1")
    shown = shown_records(experiment, methods_of(experiment, "table1"))
    write_table1(experiment, shown, PUBLISHED, report.record.parent)
    return finish_report(experiment, report)


def write_table1(experiment: Experiment, shown: Shown, published: Path, output: Path) -> None:
    """Write `table1.{csv,md,tex}`, `groups.{csv,md,tex}` and `metrics.json` to `output`.

    Args:
        experiment: its metrics are shown.
        shown: the checked records.
        published: folder of the paper's numbers.
        output: folder to write to.

    Raises:
        RecordError: records of one row do not belong together.
    """
    name, stale = shown.experiment, shown.stale
    paper = read_published_table1(published / "table1.csv")
    table = in_blocks(build_table1(shown.results, shown.sizes, paper, experiment=name, stale=stale))
    groups = build_groups(shown.results, experiment=name, stale=stale)
    metrics = shown_metrics(experiment.metrics)
    write_table(table, output / "table1", metrics)
    write_table(groups, output / "groups", metrics)
    write_metrics(table, output / "metrics.json")


def make_table2(experiment: Experiment) -> list[Path]:
    """Make Table 2 of an experiment, in the same places as Table 1.

    Raises:
        RecordError: as for `make_table1`.
        ConfigError: a metric's module breaks the contract.
    """
    report = table_report(experiment, "table2")
    shown = shown_records(experiment, methods_of(experiment, "table2"))
    table = build_table2(
        shown.results,
        shown.sizes,
        read_published_table2(PUBLISHED / "table2.csv"),
        experiment.table2_rows(),
        experiment.further_ablations(),
        experiment=shown.experiment,
        stale=shown.stale,
    )
    write_table(
        in_blocks(table), report.record.with_name("table2"), shown_metrics(experiment.metrics)
    )
    return finish_report(experiment, report)


def make_plot(experiment: Experiment) -> list[Path]:
    """Plot PSNR against parameters from the Table 1 of an experiment, in the same places.

    Raises:
        RecordError: Table 1 is missing, was changed, or is not that of the records of today.
    """
    # It loads Matplotlib, which takes longer than a table.
    from pipeline.reporting.plots import psnr_vs_params

    Chain(experiment).require("table1")
    report = plot_report(experiment)
    table = read_table(report.inputs["table1"])
    stem = report.record.with_name("psnr_vs_params")
    psnr_vs_params(table, stem, shown_metrics(experiment.metrics))
    return finish_report(experiment, report)
