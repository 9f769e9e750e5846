"""Writes a generated set in the Canon set's layout, with a table of its scenes, atomically."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline.compute.process_pool import map_processes
from pipeline.data.inspection.layout import official_paths
from pipeline.data.inspection.scene_labels import OWN
from pipeline.data.png import Image, write_png16
from pipeline.errors import DataError
from pipeline.files import atomic_folder, write_text
from pipeline.progress_bars import watched

SCENE_COLUMNS = ("split", "source", "target", "group", "category", "kind", "sources")
"""Columns of `scenes.csv`."""

Row = tuple[str, ...]
Spec = TypeVar("Spec", bound=Hashable)


def write_set(
    root: Path,
    make: Callable[[Path, Spec], list[Row]],
    specs: Sequence[Spec],
    columns: tuple[str, ...],
    workers: int,
    progress: bool,
) -> None:
    """Make a set of images and its `scenes.csv`; the folder appears once everything is done.

    Args:
        root: the folder to write; an earlier generated set there is replaced.
        make: makes the images of one specification in a folder and returns their rows; it must
            be picklable.
        specs: what to make, in the order of the table.
        columns: columns of the table.
        workers: number of processes; the bytes don't depend on it.
        progress: show a progress bar even if standard error is not a terminal.

    Raises:
        DataError: `root` holds something else, cannot be written, or a worker process died.
    """
    _check_replaceable(root)
    shown = progress or sys.stderr.isatty()
    with atomic_folder(root) as folder:
        jobs = {spec: spec for spec in specs}
        made = map_processes(partial(make, folder), jobs, workers, folder.parent)
        rows = dict(watched(made, len(specs), "synthesizing scenes", shown))
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(row for spec in specs for row in rows[spec])
        write_text(folder / OWN, table.getvalue())


def write_scene(
    folder: Path, split: str, source: str, target: str, images: Mapping[str, Image]
) -> None:
    """Write the images of one scene into the folders of its split.

    Args:
        folder: root of the set.
        split: train, val or test.
        source: name of the views, without suffix and extension.
        target: name of the sharp image, without extension.
        images: by view (`pipeline.data.inspection.layout.VIEWS`).

    Raises:
        DataError: the folder is read-only or full.
    """
    for view, path in official_paths(folder, split, source, target).items():
        write_png16(path, images[view])


def _check_replaceable(root: Path) -> None:
    """Refuse to replace anything else: a mistyped folder must not destroy other files."""
    if root.is_dir() and ((root / OWN).is_file() or not any(root.iterdir())):
        return
    if root.exists():
        raise DataError(
            f"{root}: holds something other than a synthetic set; choose another folder"
        )
