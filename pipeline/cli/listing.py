"""Commands that list methods, data sets and runs, and compare two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    AnywhereConfigOption,
    ConfigOption,
    JsonOption,
    Panel,
    app,
    example,
)
from pipeline.cli.history import RunsOption

list_app = typer.Typer(
    help="List methods, data sets or runs, as a table, tab-separated text or JSON.",
    epilog=example("list runs"),
    no_args_is_help=True,
)
app.add_typer(list_app, name="list", rich_help_panel=Panel.RUNS)


@list_app.command("methods", epilog=example("list methods --json"))
def list_methods(config: AnywhereConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List methods and ablations of an experiment; `dmtbench methods --long` says more."""
    from pipeline.config.experiment import load_experiment
    from pipeline.reporting.terminal import show_table
    from pipeline.stages.listing import METHOD_COLUMNS, method_rows

    show_table(METHOD_COLUMNS, method_rows(load_experiment(config)), as_json=json)


@list_app.command("datasets", epilog=example("list datasets --config config/canon.yaml"))
def list_datasets(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List the data sets of an experiment, with the scenes of each split in their manifests."""
    from pipeline.config.experiment import load_experiment
    from pipeline.reporting.terminal import show_table
    from pipeline.stages.listing import DATASET_COLUMNS, dataset_rows

    show_table(DATASET_COLUMNS, dataset_rows(load_experiment(config)), as_json=json)


@list_app.command("runs", epilog=example("list runs --config config/study.yaml"))
def list_runs(
    config: ConfigOption = DEFAULT_CONFIG, folder: RunsOption = None, json: JsonOption = False
) -> None:
    """List finished trainings, also those that were replaced."""
    from pipeline.config.experiment import load_experiment
    from pipeline.reporting.terminal import show_table
    from pipeline.stages.listing import RUN_COLUMNS, run_rows

    runs = folder or Path("runs") / load_experiment(config).dataset.name
    show_table(RUN_COLUMNS, run_rows(runs), as_json=json)


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("compare dmtnet-b-seed0 input-seed0"))
def compare(
    one: Annotated[str, typer.Argument(help="A run: its name, or a folder of results or runs.")],
    other: Annotated[str, typer.Argument(help="Another run on the same images.")],
    metric: Annotated[str, typer.Option(help="Metric of the list of images.")] = "psnr",
    images: Annotated[
        int, typer.Option(min=0, help="Number of images to list, the most different first.")
    ] = 10,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Compare two runs image by image, with paired tests over the images.

    For each metric: means, the first less the second, its 95 % interval (bootstrap over images),
    Wilcoxon's signed-rank test and its value corrected over the metrics (Holm). With --json, all
    images are listed.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.reporting.terminal import show_table
    from pipeline.stages.compare import METRIC_COLUMNS, metric_rows, scene_rows
    from pipeline.stages.compare import compare as compare_two

    found = compare_two(load_experiment(config), one, other)
    names = f"{found.one.name} (one) and {found.other.name} (other)"
    scenes = scene_rows(found, metric, None if json else images)
    show_table(
        METRIC_COLUMNS,
        metric_rows(found),
        as_json=json,
        title=f"{names}, {len(found.scenes)} images",
    )
    if scenes:
        if not json:
            print()
        show_table(("scene", "category", "one", "other", "difference"), scenes, as_json=json)
    if not json:
        print("\nOne run each: what other seeds would give is not known; see `dmtbench verify`.")
