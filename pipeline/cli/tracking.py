"""Commands around MLflow: import records, look at them, take runs along as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    DEFAULT_URI,
    ConfigOption,
    Panel,
    UriOption,
    app,
    example,
)
from pipeline.cli.browser import show_page

if TYPE_CHECKING:
    from pipeline.tracking.pages import Page


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("track --config config/canon.yaml"))
def track(
    config: ConfigOption = DEFAULT_CONFIG,
    uri: UriOption = DEFAULT_URI,
    artifacts: Annotated[
        Path, typer.Option(help="Folder of the artifacts; a tracking server has its own.")
    ] = Path("mlartifacts"),
) -> None:
    """Import the records of an experiment into MLflow; skip those that it has already."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.track import track_records

    print(track_records(load_experiment(config), uri, artifacts))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("ui --open"))
def ui(
    uri: UriOption = DEFAULT_URI,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port; by default the first free one from 5000."),
    ] = None,
    in_browser: Annotated[bool, typer.Option("--open", help="Open the runs in a browser.")] = False,
) -> None:
    """Serve MLflow's pages to this machine only, and print the addresses of runs and comparisons.

    Ctrl-C ends it. If the store is a tracking server, the addresses are printed and nothing is
    started.
    """
    from pipeline.stages.ui import show_store

    def show(pages: list[Page]) -> None:
        for page in pages:
            print(f"{page.experiment}: {page.title}\n  {page.address}", flush=True)
        if in_browser:
            show_page(pages[0].address)

    show_store(uri, port, show)


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("export-runs runs.json"))
def export_runs(
    file: Annotated[Path, typer.Argument(help="JSON file to write.")],
    config: ConfigOption = DEFAULT_CONFIG,
    uri: UriOption = DEFAULT_URI,
) -> None:
    """Write the MLflow runs of an experiment's data set to one JSON file, without artifacts."""
    from pipeline.config.experiment import load_experiment
    from pipeline.tracking.export import export_runs

    count = export_runs(uri, load_experiment(config).dataset.name, file)
    print(f"{file}: {count} runs")


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("import-runs runs.json"))
def import_runs(
    file: Annotated[Path, typer.Argument(help="JSON file written by export-runs.")],
    uri: UriOption = DEFAULT_URI,
    artifacts: Annotated[
        Path, typer.Option(help="Folder of the artifacts; a tracking server has its own.")
    ] = Path("mlartifacts"),
) -> None:
    """Add the runs of a JSON file to MLflow; skip those that it has already."""
    from pipeline.tracking.imports import import_runs

    added, present = import_runs(file, uri, artifacts)
    print(f"{added} added, {present} already there")
