"""Commands that make a project, run its workflow, or show what that would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import DEFAULT_CONFIG, ConfigOption, Panel, app, example
from pipeline.planning.speed import Speed

TARGETS = "Files to make, or all_data or all_results; everything when absent."


@app.command(rich_help_panel=Panel.RUNS, epilog=example("init my-experiments"))
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; an existing one must be empty.")],
) -> None:
    """Make a folder for your experiments: configuration, published numbers, workflow.

    For a package that was installed without a checkout, which is such a folder itself.
    """
    from pipeline.stages.init import make_project

    make_project(folder)
    print(folder)


@app.command(
    rich_help_panel=Panel.RUNS, epilog=example("plan reports/table1.csv --config config/canon.yaml")
)
def plan(
    targets: Annotated[list[str] | None, typer.Argument(help=TARGETS)] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    gpu_tflops: Annotated[
        float, typer.Option(min=0.1, help="Peak of the GPU in TFLOP/s; default: V100, float32.")
    ] = Speed.tflops,
    utilization: Annotated[
        float,
        typer.Option(min=0.01, max=1, help="Fraction of the peak that is reached; assumed."),
    ] = Speed.utilization,
    gpus: Annotated[
        str, typer.Option(help="Numbers of GPUs to estimate the wall time on, such as 1,8,64.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="As JSON, with every single job.")] = False,
) -> None:
    """Show which jobs would run and why, and the disk, memory and GPU hours they would take."""
    from pipeline.stages.plan import make_plan, plan_json, print_plan

    numbers = _numbers(gpus)
    made = make_plan(config, targets or [], Speed(gpu_tflops, utilization), numbers)
    if json:
        print(plan_json(made))
    else:
        print_plan(made)


def _numbers(text: str) -> list[int]:
    words = text.split(",") if text else []
    if not all(word.strip().isdecimal() and int(word) for word in words):
        raise typer.BadParameter(f"{text!r}: write whole numbers like 1,8,64", param_hint="--gpus")
    return [int(word) for word in words]


@app.command(
    rich_help_panel=Panel.RUNS,
    epilog=example("run reports/table1.csv --cores 8 --config config/canon.yaml"),
)
def run(
    targets: Annotated[list[str] | None, typer.Argument(help=TARGETS)] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    cores: Annotated[
        str | None, typer.Option(help="Number of cores to use, by default all of the machine.")
    ] = None,
) -> None:
    """Run the workflow (Snakemake) with progress bars for it and for every training.

    It uses all cores and all visible GPUs (CUDA_VISIBLE_DEVICES) of the machine.
    """
    from pipeline.workflow.folders import check_folders
    from pipeline.workflow.missing_weights import check_weights
    from pipeline.workflow.run import run_workflow

    check_weights(config, targets or [])
    check_folders(config, targets or [])
    raise typer.Exit(run_workflow(targets or [], config, cores))
