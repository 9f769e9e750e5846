"""A generated set on disk: the Canon set's folders, a table of its scenes, all at once."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.compute.process_pool import spread
from pipeline.data.inspection.scene_labels import OWN
from pipeline.data.png import Image, write_png16
from pipeline.errors import DataError
from pipeline.files import atomic_folder, write_text
from pipeline.progress_bars import watched

SCENE_COLUMNS = ("split", "source", "target", "group", "category", "kind", "sources")
"""Columns of `scenes.csv`."""

Row = tuple[str, ...]


def write_set(
    root: Path,
    make: Callable[[Path, Any], list[Row]],
    plans: Sequence[Any],
    columns: tuple[str, ...],
    workers: int,
    progress: bool,
) -> None:
    """Make a set of images and its `scenes.csv`; the folder appears when all is done.

    Args:
        root: the folder to write; an earlier generated set there is replaced.
        make: makes the images of one plan in a folder and returns their rows; sent to other
            processes.
        plans: what to make, hashable, in the order of the table.
        columns: of the table.
        workers: number of processes; the bytes don't depend on it.
        progress: show a progress bar even if standard error is not a terminal.

    Raises:
        DataError: `root` holds something else, cannot be written, or a worker process died.
    """
    _check_replaceable(root)
    shown = progress or sys.stderr.isatty()
    with atomic_folder(root) as folder:
        made = spread(make, {plan: (folder, plan) for plan in plans}, workers, folder.parent)
        rows = dict(watched(made, len(plans), "synthesizing scenes", shown))
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(row for plan in plans for row in rows[plan])
        write_text(folder / OWN, table.getvalue())


def write_scene(
    folder: Path, split: str, source: str, target: str, images: Mapping[str, Image]
) -> None:
    """Write the images of one scene into the folders of its split.

    Args:
        folder: root of the set.
        split: train, val or test.
        source: name of the views, without suffix and ending.
        target: name of the sharp image, without ending.
        images: by `c`, `l`, `r` and `target`.

    Raises:
        DataError: the folder is read-only or full.
    """
    for view, suffix in (("c", ""), ("l", "_L"), ("r", "_R")):
        path = folder / f"{split}_{view}" / "source" / f"{source}{suffix}.png"
        write_png16(path, images[view])
    write_png16(folder / f"{split}_c" / "target" / f"{target}.png", images["target"])


def _check_replaceable(root: Path) -> None:
    """Refuse to replace what is not ours: a mistyped folder must not cost anybody's files."""
    if root.is_dir() and ((root / OWN).is_file() or not any(root.iterdir())):
        return
    if root.exists():
        raise DataError(f"{root}: holds something else than a synthetic set; choose another folder")
