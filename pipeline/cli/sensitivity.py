"""The command that scores one result in other ways."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    ConfigOption,
    Panel,
    RepetitionOption,
    app,
    command_line,
    example,
)
from pipeline.cli.runs import KeyOption, MethodArgument


class Format(StrEnum):
    """Formats of the table."""

    TEXT = "text"
    MD = "md"
    CSV = "csv"
    JSON = "json"


@app.command(rich_help_panel=Panel.DEBUG, epilog=example("sensitivity dmtnet-b --format md"))
def sensitivity(
    method: MethodArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    repetition: RepetitionOption = 0,
    weights: Annotated[
        Path | None,
        typer.Option(help="Published weights that results/SET/METHOD-given was made with."),
    ] = None,
    key: KeyOption = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of the images; the experiment's by default.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Format of the table.")] = Format.TEXT,
) -> None:
    """Score a finished result in other ways: at 8 bits, unclamped, half size, with another SSIM.

    Shows how far each would move the scores, and writes sensitivity.json beside the result.
    """
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.places import Places
    from pipeline.reporting.sensitivity import FORMATS
    from pipeline.run import Run

    this = Run.of(load_experiment(config), method, repetition)
    with gpus_held(this.compute, this.gpus):
        # It loads torch, which must not see the GPUs of other jobs.
        from pipeline.stages.sensitivity import measure_sensitivity

        record = measure_sensitivity(
            this,
            official=weights,
            key=key,
            root=root or Places.raw_of(this.experiment.dataset),
            command=command_line(),
        )
    print(FORMATS[form.value](record), end="")
