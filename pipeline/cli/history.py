"""Commands that say where results come from, list finished runs and remove replaced ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    DEFAULT_URI,
    ConfigOption,
    JsonOption,
    Panel,
    UriOption,
    app,
    example,
)
from pipeline.cli.browser import show_page

if TYPE_CHECKING:
    from pipeline.finished_runs import FinishedRun

RunsOption = Annotated[
    Path | None, typer.Option("--runs", help="Folder of the runs; the experiment's by default.")
]


@app.command(
    rich_help_panel=Panel.RUNS, epilog=example("runs --superseded --config config/canon.yaml")
)
def runs(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: RunsOption = None,
    superseded: Annotated[
        bool, typer.Option("--superseded", help="Only runs that were replaced by another result.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List finished trainings: method, validation PSNR, date and size."""
    if json:
        from pipeline.reporting.terminal import show_table
        from pipeline.stages.listing import RUN_COLUMNS, run_rows

        show_table(RUN_COLUMNS, run_rows(_folder(config, folder), superseded), as_json=True)
        return
    for run in _found(config, folder):
        if run.superseded or not superseded:
            print(_line(run))


@app.command(rich_help_panel=Panel.RUNS, epilog=example("prune --yes"))
def prune(
    config: ConfigOption = DEFAULT_CONFIG,
    folder: RunsOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove the runs, not only list them.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Remove superseded runs; without --yes, list what would be removed."""
    import shutil

    from pipeline.files import writing
    from pipeline.reporting.terminal import print_object
    from pipeline.stages.listing import run_row

    for run in _found(config, folder):
        if not run.superseded:
            continue
        if yes:
            with writing(run.folder):
                shutil.rmtree(run.folder)
        if json:
            print_object(run_row(run) | {"removed": yes})
        else:
            print(f"{'removed' if yes else 'would remove'} {_line(run)}")


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("why table1 DMTNet-B combined_psnr"))
def why(
    table: Annotated[str, typer.Argument(help="table1 or table2.")],
    row: Annotated[str, typer.Argument(help="Label of the row, or name of the method.")],
    column: Annotated[str, typer.Argument(help="Column of the table's CSV file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    in_mlflow: Annotated[
        bool, typer.Option("--open", help="Show the run in MLflow on this machine.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of `dmtbench ui`.")] = 5000,
    uri: UriOption = DEFAULT_URI,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Say where a number comes from: record, scores, weights, data, command, code, machine.

    Each link is checked. The exit status is 1 if one is foreign, broken or missing.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.why import explain, run_pages, why_json, why_lines

    experiment = load_experiment(config)
    found = explain(experiment, table, row, column)
    for line in [why_json(found)] if json else why_lines(found):
        print(line)
    for page in run_pages(experiment, found, uri, port) if in_mlflow else []:
        print(page)
        show_page(page)
    if not found.holds:
        raise typer.Exit(1)


def _found(config: Path, folder: Path | None) -> list[FinishedRun]:
    from pipeline.finished_runs import finished_runs

    return finished_runs(_folder(config, folder))


def _folder(config: Path, folder: Path | None) -> Path:
    from pipeline.config.experiment import load_experiment

    return folder or Path("runs") / load_experiment(config).dataset.name


def _line(run: FinishedRun) -> str:
    from rich.filesize import decimal

    record = run.record
    waits = "  (kept until its next training finishes)" if run.awaits_successor else ""
    return (
        f"{run.folder}  {record.method} repetition {record.repetition} ({record.label})  "
        f"{record.val_psnr:.2f} dB at epoch {record.epoch}  {record.provenance.created}  "
        f"{decimal(run.bytes)}{waits}"
    )
