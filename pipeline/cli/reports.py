"""Commands that turn records into tables and plots, and check them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import DEFAULT_CONFIG, ConfigOption, Panel, app, example, print_paths
from pipeline.exit_codes import DIFFERS, NOT_FRESH

_CANON = " --config config/canon.yaml"


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("table1" + _CANON))
def table1(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make Table 1, the table of further scene groups and the metrics file of an experiment.

    They are written to reports/EXPERIMENT/ and copied to reports/. Every number is checked first,
    from the scores of single images back to weights, configuration and data.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.report import make_table1

    print_paths(make_table1(load_experiment(config)))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("table2" + _CANON))
def table2(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make Table 2 of an experiment, checked and in the same places as Table 1."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.report import make_table2

    print_paths(make_table2(load_experiment(config)))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("plot" + _CANON))
def plot(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Plot PSNR against parameters from Table 1, like the paper's Figure 1."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.report import make_plot

    print_paths(make_plot(load_experiment(config)))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("verdicts" + _CANON))
def verdicts(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write the verdicts on the paper's cells and claims, checked and placed as Table 1."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.verdicts import make_verdicts

    print_paths(make_verdicts(load_experiment(config)))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("html" + _CANON))
def html(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make the page of an experiment: one HTML file for a browser, without the network.

    It is written to reports/EXPERIMENT/index.html and copied to reports/. Tables and verdicts must
    have been made.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.html import make_html

    print_paths(make_html(load_experiment(config), config))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("verify --fresh" + _CANON))
def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write the tables to, besides.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Fail if anything behind the numbers is stale.")
    ] = False,
) -> None:
    """Compare results with the paper's cells and claims: reproduced, differs or inconclusive.

    docs/verdicts.md has the rules. The exit status is 3 if a cell or claim differs on the worse
    side, and with --fresh 4 if anything is stale, foreign or broken.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.verdicts import doubtful, verification_of, write_verdicts
    from pipeline.verify.frames import json_lines
    from pipeline.verify.page import page

    experiment = load_experiment(config)
    found = verification_of(experiment)
    if output is not None:
        write_verdicts(found, output)
    print(json_lines(found) if json else page(found).rstrip())
    lines = doubtful(experiment, found) if fresh else []
    for line in lines:
        print(line, file=sys.stderr)
    if lines:
        raise typer.Exit(NOT_FRESH)
    if found.is_worse:
        raise typer.Exit(DIFFERS)


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("status" + _CANON))
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """List what is fresh, stale, foreign, broken or missing in an experiment, and why.

    Content decides, not modification times. The exit status is 1 unless everything that the
    experiment requests is fresh.
    """
    from rich.console import Console

    from pipeline.config.experiment import load_experiment
    from pipeline.stages.status import print_status, standings, status_json

    experiment = load_experiment(config)
    found = standings(experiment)
    if json:
        print(status_json(found))
    else:
        print_status(found, Console(), experiment.reasons())
    if any(one.standing.state != "fresh" and not one.extra for one in found):
        raise typer.Exit(1)


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("schemas docs/schemas"))
def schemas(output: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the JSON Schemas of all records and configuration files."""
    from pipeline.stages.schemas import write_schemas

    print_paths(write_schemas(output))
