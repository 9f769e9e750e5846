"""The command that lists methods and what their modules declare."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.app import DEFAULT_CONFIG, AnywhereConfigOption, JsonOption, Panel, app, example


@app.command(rich_help_panel=Panel.RUNS, epilog=example("methods --long"))
def methods(
    config: AnywhereConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
    long: Annotated[
        bool,
        typer.Option("--long", help="Also views, citation, license and choices of each method."),
    ] = False,
) -> None:
    """List methods and ablations of an experiment."""
    from pipeline.config.experiment import load_experiment
    from pipeline.methods import get_method
    from pipeline.reporting.methods import method_text

    experiment = load_experiment(config)
    if json:
        from pipeline.reporting.terminal import show_table
        from pipeline.stages.listing import METHOD_COLUMNS, method_rows

        show_table(METHOD_COLUMNS, method_rows(experiment), as_json=True)
        return
    for name in [*experiment.methods, *experiment.ablations]:
        if long:
            print(method_text(get_method(name, experiment)))
            continue
        entry = experiment.entry(name)
        print(f"{name:26s} {entry.row:42s} {entry.recipe or 'nothing to train'}")
