"""The command that takes a network out of this project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import DEFAULT_CONFIG, AnywhereConfigOption, Panel, app, example
from pipeline.cli.runs import KeyOption, MethodArgument, RunOption, WeightsOption


@app.command(
    rich_help_panel=Panel.DEBLUR,
    epilog=example("export dmtnet-b --run runs/synthetic/dmtnet-b-seed0 --output dmtnet-b.pt2"),
)
def export(
    method: MethodArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, .pt2.")],
    run: RunOption = None,
    weights: WeightsOption = None,
    key: KeyOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    config: AnywhereConfigOption = DEFAULT_CONFIG,
) -> None:
    """Export a network by torch.export, for use without this project.

    Height and width of its images are multiples of 16 from 48.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.run import Run, WeightsOrigin
    from pipeline.stages.export import export_method

    difference = export_method(
        Run.of(load_experiment(config), method),
        origin=WeightsOrigin(run, weights, key),
        target=output,
        force=force,
    )
    print(f"{output}: {method}, differs by {difference:.1g} from the network at two sizes")
