"""Commands that make or check images and what is derived from them."""

from __future__ import annotations

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
