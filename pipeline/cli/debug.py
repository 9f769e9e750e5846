"""Commands that check a training before a full run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.app import DEFAULT_CONFIG, ConfigOption, Panel, app, example
from pipeline.cli.runs import MethodArgument
from pipeline.cli.workflow_data import workflow_data

if TYPE_CHECKING:
    from pipeline.stages.debug import Trial

debug = typer.Typer(help="Debug a training: can it learn, does it run, where does the time go?")
app.add_typer(
    debug, name="debug", rich_help_panel=Panel.DEBUG, epilog=example("debug overfit dmtnet-b")
)

StoreOption = Annotated[
    Path | None, typer.Option(help="Folder of the pixel store; the workflow's by default.")
]
PatchesOption = Annotated[
    Path | None, typer.Option(help="Patch index of the store; the workflow's by default.")
]


@debug.command(epilog=example("debug overfit dmtnet-b"))
def overfit(
    method: MethodArgument,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 1000,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 4e-3,
    store: StoreOption = None,
    patches: PatchesOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Overfit one crop of 64 x 64 pixels; fail unless its PSNR exceeds 40 dB."""
    from pipeline.errors import UserError

    changes = {"batch_size": 1, "crop": 64, "accumulate": 1, "phases": (), "max_grad_norm": 1.0}
    psnr = 0.0
    with _trial(config, method, store=store, patches=patches, **changes) as trial:
        from pipeline.stages.debug import TARGET_DB
        from pipeline.stages.debug import overfit as overfit_crop

        for step, psnr in overfit_crop(trial, steps, learning_rate):
            print(f"step {step:5d}: {psnr:.2f} dB", flush=True)
    if psnr <= TARGET_DB:
        raise UserError(
            f"{method} reached {psnr:.2f} dB on a single crop, not {TARGET_DB:g}: it cannot learn, "
            "is too narrow, or needs more --steps or another --learning-rate"
        )


@debug.command(epilog=example("debug limit dmtnet-b --steps 20"))
def limit(
    method: MethodArgument,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 10,
    store: StoreOption = None,
    patches: PatchesOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Run the first steps of a training, then validate; write nothing."""
    from pipeline.training.progress import Progress

    changes = {"max_steps": steps, "validations": 1}
    with _trial(config, method, store=store, patches=patches, **changes) as trial:
        from pipeline.stages.debug import limited

        with Progress(method) as progress:
            point = limited(trial, progress)
    print(
        f"{method}: {steps} steps, {point.samples} crops, loss {point.loss:.4f}, "
        f"validation {point.psnr:.2f} dB"
    )


@debug.command(epilog=example("debug fast-dev dmtnet-b"))
def fast_dev(
    method: MethodArgument,
    store: StoreOption = None,
    patches: PatchesOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Run one step and the validation: does it work at all?"""
    limit(method, steps=1, store=store, patches=patches, config=config)


@debug.command(epilog=example("debug profile dmtnet-b --steps 3 -o trace.json"))
def profile(
    method: MethodArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON trace to write.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps that are profiled.")] = 3,
    store: StoreOption = None,
    patches: PatchesOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Profile training steps: print a table, write a trace for chrome://tracing."""
    with _trial(config, method, store=store, patches=patches) as trial:
        from pipeline.stages.debug import profiled

        print(profiled(trial, steps, output))
    print(f"{output}: open it in chrome://tracing or ui.perfetto.dev")


@contextmanager
def _trial(
    config: Path, method: str, *, store: Path | None, patches: Path | None, **changes: Any
) -> Iterator[Trial]:
    """A trial on a GPU that is held meanwhile, if it uses one."""
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.run import Run

    this = Run.of(load_experiment(config), method)
    data = workflow_data(this, config, store=store, patches=patches)
    with gpus_held(this.compute, this.gpus):
        # It loads torch, which must not see the GPUs of other jobs.
        from pipeline.stages.debug import prepare_trial

        yield prepare_trial(this, store=data.store, patches=data.patches, **changes)
