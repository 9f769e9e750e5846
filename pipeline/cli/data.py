"""Commands that make or check images and what is derived from them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    ConfigOption,
    ManifestOption,
    RootOption,
    WorkersOption,
    app,
    example,
)

_CORES = os.cpu_count() or 1


@app.command(epilog=example("data --root data/demo/raw --manifest data/demo/manifest.csv"))
def data(
    root: RootOption,
    manifest: ManifestOption,
    config: ConfigOption = DEFAULT_CONFIG,
    workers: WorkersOption = 1,
) -> None:
    """Make the synthetic images (or check the real ones) and write their manifest."""
    from pipeline.config import load_experiment
    from pipeline.stages.data import make_data

    count = make_data(
        load_experiment(config), root, manifest, workers, progress=sys.stderr.isatty()
    )
    print(f"{manifest}: {count} scenes")


@app.command(epilog=example("doctor --root data/canon/raw --report doctor.json"))
def doctor(
    root: RootOption,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Experiment file that the set must suit; without one it must be the official "
            "Canon set, unless it has a scenes.csv or no ground truth."
        ),
    ] = None,
    workers: WorkersOption = _CORES,
    report: Annotated[Path | None, typer.Option(help="Report to write, as JSON.")] = None,
) -> None:
    """Examine every picture of a data set and list all that is wrong; exit code 1 if anything is.

    Decodes each picture once: size, depth, checksum, damage; whether the views of a scene belong
    together; pictures that stand twice; names, pairs, numbers and labels of the official set.
    """
    from pipeline.config import load_experiment
    from pipeline.records import write_record
    from pipeline.stages.doctor import examine_set, report_lines

    experiment = None if config is None else load_experiment(config)
    found = examine_set(root, experiment, workers, progress=sys.stderr.isatty())
    for line in report_lines(found):
        print(line)
    if report is not None:
        write_record(report, found)
    if found.problems:
        raise typer.Exit(1)


@app.command(
    epilog=example("store --root RAW --manifest manifest.csv --output data/synthetic/store")
)
def store(
    root: RootOption,
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Store folder to make.")],
) -> None:
    """Decode training and validation images into a memory-mapped pixel store."""
    from pipeline.data.store import build_store

    build_store(root, manifest, output, progress=sys.stderr.isatty())
