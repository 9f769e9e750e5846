"""Commands that make and check images, pixel stores and patch indexes."""

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
    Panel,
    RootOption,
    StoreOption,
    WorkersOption,
    app,
    example,
)
from pipeline.data.canon import CANON_FOLDER, CANON_SIZE

_CORES = os.cpu_count() or 1


@app.command(
    rich_help_panel=Panel.DATA,
    epilog=example("data --root data/demo/raw --manifest data/demo/manifest.csv"),
)
def data(
    root: RootOption,
    manifest: ManifestOption,
    config: ConfigOption = DEFAULT_CONFIG,
    workers: WorkersOption = 1,
    companion: Annotated[
        bool,
        typer.Option(
            "--companion", help="Make the companion set (`companion:` of the experiment)."
        ),
    ] = False,
) -> None:
    """Make the synthetic images (or check the real ones) and write their manifest.

    For the second training set of DPDNet+ and RDPD+, add --companion and use separate folders:
    --root data/clips/raw --manifest data/clips/manifest.csv
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.pins import pins_file
    from pipeline.stages.data import make_data

    count = make_data(
        load_experiment(config),
        root,
        manifest,
        workers,
        progress=sys.stderr.isatty(),
        companion=companion,
        pins=pins_file(config),
    )
    print(f"{manifest}: {count} scenes")


@app.command(
    rich_help_panel=Panel.DATA, epilog=example("doctor --root data/canon/raw --report doctor.json")
)
def doctor(
    root: RootOption,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Experiment file that the set must match. Without one, the set must be the "
            "official Canon set unless it has a scenes.csv or no ground truth."
        ),
    ] = None,
    workers: WorkersOption = _CORES,
    report: Annotated[Path | None, typer.Option(help="JSON report to write.")] = None,
) -> None:
    """Examine every image of a data set and list all problems; exit code 1 if there are any.

    Decode each image once. Check sizes, bit depths, checksums and damage; whether the views of a
    scene belong together; duplicate images; names, pairs, numbers and labels of the official set.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.public_text import public_report
    from pipeline.records import DoctorReport, write_record
    from pipeline.stages.doctor import examine_set, report_lines

    experiment = None if config is None else load_experiment(config)
    found = examine_set(root, experiment, workers, progress=sys.stderr.isatty())
    for line in report_lines(found):
        print(line)
    if report is not None:
        shown = public_report(found.model_dump(), str(root))
        write_record(report, DoctorReport.model_validate(shown))
    if found.problems:
        raise typer.Exit(1)


@app.command(
    rich_help_panel=Panel.DATA,
    epilog=example("store --root RAW --manifest manifest.csv --output data/synthetic/store"),
)
def store(
    root: RootOption,
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Folder of the pixel store to create.")],
    workers: WorkersOption = 1,
) -> None:
    """Decode training and validation images into a memory-mapped pixel store."""
    from pipeline.data.store.build import store_rows, store_size
    from pipeline.stages.store import make_store

    rows = store_rows(manifest)
    summary = f"{output}: {len(rows)} scenes, {store_size(rows) / 1e9:.3f} GB"
    print(summary, file=sys.stderr, flush=True)
    make_store(root, manifest, output, workers, progress=sys.stderr.isatty())


@app.command(rich_help_panel=Panel.DATA, epilog=example("check-store data/synthetic/store"))
def check_store(
    folder: Annotated[Path, typer.Argument(help="Pixel store to check.")],
) -> None:
    """Compare every pixel of a store with the checksums in its index."""
    from pipeline.data.store.reader import PixelStore

    store = PixelStore(folder)
    store.verify(progress=sys.stderr.isatty())
    print(f"{folder}: {len(store.scenes)} scenes match their checksums")


@app.command(
    rich_help_panel=Panel.DATA,
    epilog=example("patches --store data/synthetic/store --output patches.csv"),
)
def patches(
    store: StoreOption,
    output: Annotated[Path, typer.Option(help="CSV file to write.")],
    config: ConfigOption = DEFAULT_CONFIG,
    workers: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 1,
) -> None:
    """List the training windows, without the least sharp ones of each image."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.store import make_patches

    experiment = load_experiment(config)
    count = make_patches(experiment, store, output, workers, progress=sys.stderr.isatty())
    print(f"{output}: {count} windows are kept")


@app.command(
    rich_help_panel=Panel.DATA,
    epilog=example("standin --output data/standin --scenes 100 --workers 2"),
)
def standin(
    output: Annotated[Path, typer.Option(help="Folder in which to create `dd_dp_dataset_canon`.")],
    scenes: Annotated[int, typer.Option(help="Number of scenes, 4 to 500.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the images.")] = 0,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = CANON_SIZE,
    workers: WorkersOption = 1,
) -> None:
    """Make a stand-in for the Canon set for rehearsals: official names, synthetic images."""
    from pipeline.data.synthetic.standin import make_standin

    root = output / CANON_FOLDER
    made = make_standin(root, scenes, seed, size, workers, progress=sys.stderr.isatty())
    print(f"{root}: {scenes} scenes, {made} of them made now")
