"""The command that looks into a network while it trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import DEFAULT_CONFIG, ConfigOption, RepetitionOption, example
from pipeline.cli.debug import PatchesOption, StoreOption, debug
from pipeline.cli.runs import MethodArgument
from pipeline.cli.workflow_data import workflow_data
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.training.module_signals import Signals

_STEPS = re.compile(r"\d{1,9}(,\d{1,9}){0,99}")


@debug.command(epilog=example("debug signals dmtnet-b --steps 0,20,200 --plot signals.png"))
def signals(
    method: MethodArgument,
    steps: Annotated[
        str, typer.Option(help="Measure after these optimizer steps; 0: initial weights.")
    ] = "0",
    run: Annotated[
        Path | None, typer.Option(help="Run folder: measure its weights instead of a training.")
    ] = None,
    repetition: RepetitionOption = 0,
    depth: Annotated[
        int, typer.Option(min=1, help="Show modules whose names have up to this many parts.")
    ] = 4,
    csv: Annotated[Path | None, typer.Option(help="CSV file to write, of all modules.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Plot to write: .png, .svg or .pdf.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    store: StoreOption = None,
    patches: PatchesOption = None,
    companion: Annotated[
        Path | None, typer.Option(help="Folder of the companion store; the workflow's by default.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Measure signals and gradients of every module, at the start of a training and along it."""
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.reporting.signals_plot import check_plot
    from pipeline.run import Run
    from pipeline.training.progress import Progress

    this = Run.of(load_experiment(config), method, repetition)
    wanted = _numbers(steps)
    check_plot(plot)
    data = workflow_data(this, config, store=store, patches=patches, companion=companion)
    with gpus_held(this.compute, this.gpus):
        # It loads torch, which must not see the GPUs of other jobs.
        from pipeline.stages.signals import measured_signals

        result = measured_signals(
            this,
            store=data.store,
            patches=data.patches,
            companion=data.companion,
            steps=wanted,
            progress=Progress(method),
            finished=run,
        )
    _show(result, depth, json=json, csv=csv, plot=plot)
    if result.diverged is not None:
        raise result.diverged


def _show(result: Signals, depth: int, *, json: bool, csv: Path | None, plot: Path | None) -> None:
    from pipeline.reporting.signals import signals_json, signals_text, write_signals_csv
    from pipeline.reporting.signals_plot import plot_signals

    for line in signals_json(result) if json else signals_text(result, depth):
        print(line)
    if csv is not None:
        write_signals_csv(result, csv)
    if plot is not None:
        plot_signals(result, plot)


def _numbers(steps: str) -> list[int]:
    if not _STEPS.fullmatch(steps):
        raise ConfigError(f"--steps {steps!r}: give numbers of steps with commas, such as 0,20,200")
    return sorted({int(number) for number in steps.split(",")})
