"""Report stages: tables and plots from records."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.experiment import Experiment, load_methods
from pipeline.records import ComplexityRecord, ResultRecord, read_record
from pipeline.reporting.groups import build_groups
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.plots import psnr_vs_params
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.render import write_metrics, write_table
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2
from pipeline.reporting.tables import read_table


def _results(folder: Path, names: list[str]) -> list[ResultRecord]:
    return [
        read_record(path, ResultRecord)
        for name in names
        for path in sorted(folder.glob(f"{name}-seed*/record.json"))
    ]


def _sizes(folder: Path, names: list[str]) -> list[ComplexityRecord]:
    paths = [folder / f"{name}.json" for name in names]
    return [read_record(path, ComplexityRecord) for path in paths if path.exists()]


def make_table1(
    experiment: Experiment, results: Path, complexity: Path, published: Path, output: Path
) -> list[Path]:
    """Write `table1.{csv,md,tex}`, `groups.{csv,md,tex}` and `metrics.json` to `output`.

    Raises:
        RecordError: a record is malformed, or records of one row do not belong together.
        ConfigError: a metric's module breaks the contract.
    """
    names = list(experiment.methods)
    records = _results(results, names)
    table = build_table1(
        records, _sizes(complexity, names), read_published_table1(published / "table1.csv")
    )
    write_metrics(table, output / "metrics.json")
    metrics = shown_metrics(experiment.metrics)
    return [
        *write_table(table, output / "table1", metrics),
        *write_table(build_groups(records), output / "groups", metrics),
        output / "metrics.json",
    ]


def make_table2(
    experiment: Experiment, results: Path, complexity: Path, published: Path, output: Path
) -> list[Path]:
    """Write `table2.{csv,md,tex}` to `output`.

    Raises:
        RecordError: a record is malformed, or records of one row do not belong together.
        ConfigError: a metric's module breaks the contract.
    """
    rows = experiment.table2_rows()
    further = experiment.further_ablations()
    names = [*rows.values(), *further]
    table = build_table2(
        _results(results, names),
        _sizes(complexity, names),
        read_published_table2(published / "table2.csv"),
        rows,
        further,
    )
    return write_table(table, output / "table2", shown_metrics(experiment.metrics))


def make_plot(table1: Path, output: Path) -> list[Path]:
    """Write `psnr_vs_params.{png,svg,pdf}` to `output`, from Table 1's CSV."""
    metrics = shown_metrics(load_methods().metrics)
    return psnr_vs_params(read_table(table1), output / "psnr_vs_params", metrics)
