"""Commands that turn records into tables, plots and MLflow runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    ConfigOption,
    OutputOption,
    Panel,
    ResultsOption,
    app,
    example,
    print_paths,
)

ComplexityOption = Annotated[Path, typer.Option(help="Folder of complexity records.")]
PublishedOption = Annotated[Path, typer.Option(help="Folder of the paper's numbers.")]

_RECORDS = (
    "--results results/synthetic --complexity results/complexity --published reports/published"
    " --output reports"
)


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("table1 " + _RECORDS))
def table1(
    results: ResultsOption,
    complexity: ComplexityOption,
    published: PublishedOption,
    output: OutputOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make Table 1, the table of further scene groups and the metrics file from records."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.report import make_table1

    print_paths(make_table1(load_experiment(config), results, complexity, published, output))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("table2 " + _RECORDS))
def table2(
    results: ResultsOption,
    complexity: ComplexityOption,
    published: PublishedOption,
    output: OutputOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make Table 2 from records."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.report import make_table2

    print_paths(make_table2(load_experiment(config), results, complexity, published, output))


@app.command(
    rich_help_panel=Panel.REPORTS,
    epilog=example("plot --table reports/table1.csv --output reports"),
)
def plot(
    output: OutputOption,
    table: Annotated[Path, typer.Option(help="Table 1 as CSV.")] = Path("reports/table1.csv"),
) -> None:
    """Plot PSNR against parameters from Table 1, like the paper's Figure 1."""
    from pipeline.stages.report import make_plot

    print_paths(make_plot(table, output))


@app.command(
    rich_help_panel=Panel.REPORTS,
    epilog=example("track --runs runs/synthetic --results results/synthetic"),
)
def track(
    runs: Annotated[Path, typer.Option(help="Run folders of the data set.")],
    results: ResultsOption,
    tables: Annotated[
        list[Path] | None,
        typer.Option("--table", help="Table to store as an artifact (repeatable)."),
    ] = None,
    uri: Annotated[str, typer.Option(help="Address of the MLflow store.")] = "sqlite:///mlflow.db",
    artifacts: Annotated[Path, typer.Option(help="Folder of the artifacts.")] = Path("mlartifacts"),
    output: Annotated[Path | None, typer.Option(help="JSON summary to write.")] = None,
) -> None:
    """Import records into MLflow; skip those that it has already."""
    from pipeline.stages.track import track_records

    print(track_records(runs, results, tables or [], uri, artifacts, output))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("schemas docs/schemas"))
def schemas(output: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the JSON Schemas of all records."""
    from pipeline.records import write_schemas

    print_paths(write_schemas(output))
