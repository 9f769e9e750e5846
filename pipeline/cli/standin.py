"""The command that makes a stand-in for the Canon set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import WorkersOption, app, example


@app.command(epilog=example("standin --output data/standin --scenes 100 --workers 2"))
def standin(
    output: Annotated[Path, typer.Option(help="Folder that takes `dd_dp_dataset_canon`.")],
    scenes: Annotated[int, typer.Option(help="Scenes, 4 to 500.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other pictures.")] = 0,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (
        1120,
        1680,
    ),
    workers: WorkersOption = 1,
) -> None:
    """Make a stand-in for the Canon set, for rehearsals: official names, other pictures."""
    from pipeline.data.synthetic.standin import make_standin

    root = output / "dd_dp_dataset_canon"
    made = make_standin(root, scenes, seed, size, workers, progress=sys.stderr.isatty())
    print(f"{root}: {scenes} scenes, {made} of them made now")
