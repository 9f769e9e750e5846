"""The command that fetches published data sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import Panel, app, example


@app.command(
    rich_help_panel=Panel.DATA, epilog=example("fetch canon --source dd_dp_dataset_canon.zip")
)
def fetch(
    dataset: Annotated[
        str, typer.Argument(help="`canon` (DPDD) or `pixel` (Pixel 4 test images).")
    ],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Name of a source (see --list), or an archive or its address (repeatable), or a"
            " folder; by default, every source that needs no browser.",
        ),
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="Folder to create; data/DATASET/raw by default.")
    ] = None,
    archives: Annotated[
        Path | None, typer.Option(help="Folder for downloads; data/DATASET/archives by default.")
    ] = None,
    keep_archives: Annotated[
        bool,
        typer.Option("--keep-archives/--remove-archives", help="Whether to keep downloads."),
    ] = True,
    list_sources: Annotated[bool, typer.Option("--list", help="Only list the sources.")] = False,
) -> None:
    """Fetch a published data set: download (resumable), check and unpack, or link a folder."""
    from pipeline.fetch.listing import show_sources
    from pipeline.fetch.registry import published
    from pipeline.stages.fetch import Fetch

    known = published(dataset)
    if list_sources:
        show_sources(dataset, known)
        return
    folder = Path("data", dataset)
    job = Fetch(
        dataset,
        known,
        target or folder / "raw",
        archives or folder / "archives",
        keep_archives=keep_archives,
        progress=sys.stderr.isatty(),
    )
    print(job.run(sources or []))
