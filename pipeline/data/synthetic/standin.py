"""A stand-in for the Canon set: same image size, folders and file names, but generated images.

For rehearsals of everything that handles the real set. `scenes.csv` says `stand-in` in every row.
"""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.compute.process_pool import map_processes
from pipeline.data.bit_depth import to_uint16
from pipeline.data.canon import CANON_SCENES
from pipeline.data.csv_files import read_table
from pipeline.data.inspection.layout import SPLITS, official_paths
from pipeline.data.inspection.official_split import SPLIT_FILE_NAMES
from pipeline.data.inspection.scene_labels import TEST_SCENES
from pipeline.data.png import MAX_PIXELS, write_png16
from pipeline.data.synthetic.dual_pixel import BOKEHS, render
from pipeline.data.synthetic.mosaic import mosaic
from pipeline.data.synthetic.writer import SCENE_COLUMNS
from pipeline.errors import ConfigError, DataError
from pipeline.files import need_room, write_text, writing
from pipeline.progress_bars import watched

BYTES_PER_PIXEL = 20
"""Measured size on disk of a scene's four files together, per pixel."""

_FEWEST = 4
_SMALLEST_SIDE = 64


class StandIn(NamedTuple):
    """One scene of the stand-in: file names and category as in the Canon set."""

    split: str
    number: int
    source: str
    target: str
    category: str


def choose_scenes(count: int) -> list[StandIn]:
    """Choose scenes of the Canon set, evenly over its splits and both categories of its test set.

    Args:
        count: 4 to 500; divided among the splits as 350 to 74 to 76.

    Returns:
        Train, val, test; sorted by source within a split.

    Raises:
        ConfigError: the count is out of range.
    """
    total = sum(CANON_SCENES.values())
    if not _FEWEST <= count <= total:
        raise ConfigError(f"--scenes: {count} cannot be made; use {_FEWEST} to {total}")
    official = _official()
    wanted = {
        "val": max(1, round(count * CANON_SCENES["val"] / total)),
        "test": max(2, round(count * CANON_SCENES["test"] / total)),
    }
    wanted["train"] = count - sum(wanted.values())
    chosen = []
    for split in SPLITS:
        # Only the test set has categories; their proportion is kept.
        indoor = [scene for scene in official[split] if scene.category == "indoor"]
        others = [scene for scene in official[split] if scene.category != "indoor"]
        first = max(1, round(wanted[split] * len(indoor) / len(official[split]))) if indoor else 0
        chosen += sorted([*_evenly(indoor, first), *_evenly(others, wanted[split] - first)])
    return sorted(chosen, key=lambda scene: SPLITS.index(scene.split))


def make_standin(
    root: Path, count: int, seed: int, size: tuple[int, int], workers: int, *, progress: bool
) -> int:
    """Make the stand-in: left, right and combined views and the sharp image of every scene.

    `root` appears atomically once everything is done. Until then, finished files are in a folder
    next to it, from which a call with the same arguments resumes. The bytes depend only on
    `count`, `seed` and `size`.

    Args:
        root: folder to create, with `train_c` … `test_r` and `scenes.csv`.
        count: number of scenes; see `choose_scenes`.
        seed: main seed; each scene derives its own from it, its split and its number.
        size: height and width of the images in pixels.
        workers: number of processes.
        progress: whether a progress bar is shown.

    Returns:
        Number of scenes made by this call; 0 if `root` already holds this set.

    Raises:
        ConfigError: an impossible count or size.
        DataError: `root` holds something else, the disk is too full or not writable.
    """
    if min(size) < _SMALLEST_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise ConfigError(
            f"--size: {size[0]}x{size[1]} cannot be made; use sides of at least {_SMALLEST_SIDE} "
            f"and at most {MAX_PIXELS} pixels"
        )
    scenes = choose_scenes(count)
    table = _table(scenes, seed, size)
    if root.exists():
        _check_same(root, table)
        return 0
    work = root.with_name(f".work-{root.name}-{count}-{seed}-{size[0]}x{size[1]}")
    for half_written in work.rglob(".tmp-*"):
        half_written.unlink()
    missing = [scene for scene in scenes if not _is_made(work, scene)]
    need_room((root, len(missing) * size[0] * size[1] * BYTES_PER_PIXEL))
    jobs = {scene: scene for scene in missing}
    made = map_processes(partial(_make_scene, work, seed, size), jobs, workers, work)
    for _ in watched(made, len(scenes), "scenes", progress, len(scenes) - len(missing)):
        pass
    write_text(work / "scenes.csv", table)
    with writing(root):
        work.replace(root)
    return len(missing)


def _official() -> dict[str, list[StandIn]]:
    columns = ("category", "file_name")
    categories = {
        row["file_name"]: row["category"] for _, row in read_table(TEST_SCENES, columns, more=True)
    }
    scenes: dict[str, list[StandIn]] = {split: [] for split in SPLITS}
    for _, row in read_table(SPLIT_FILE_NAMES, ("split", "index", "source", "target")):
        source, target = f"{row['source']}.png", f"{row['target']}.png"
        category = categories[source] if row["split"] == "test" else ""
        scene = StandIn(row["split"], int(row["index"]), source, target, category)
        scenes[row["split"]].append(scene)
    return scenes


def _evenly(scenes: list[StandIn], count: int) -> list[StandIn]:
    """`count` of the scenes, at even intervals."""
    return [scenes[index * len(scenes) // count] for index in range(count)]


def _table(scenes: list[StandIn], seed: int, size: tuple[int, int]) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(SCENE_COLUMNS)
    for scene in scenes:
        made_from = f"mosaic:{seed}-{scene.split}-{scene.number}-{size[0]}x{size[1]}"
        names = (scene.source, scene.target)
        writer.writerow((scene.split, *names, "main", scene.category, "stand-in", made_from))
    return table.getvalue()


def _check_same(root: Path, table: str) -> None:
    own = root / "scenes.csv"
    if not own.is_file() or own.read_text(encoding="utf-8") != table:
        raise DataError(f"{root}: holds something else; remove it or choose another folder")


def _paths(root: Path, scene: StandIn) -> dict[str, Path]:
    source, target = Path(scene.source).stem, Path(scene.target).stem
    return official_paths(root, scene.split, source, target)


def _is_made(folder: Path, scene: StandIn) -> bool:
    # Files are written atomically: one that exists is complete.
    return all(path.exists() for path in _paths(folder, scene).values())


def _make_scene(work: Path, seed: int, size: tuple[int, int], scene: StandIn) -> None:
    sequence = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(scene.split), scene.number))
    random = np.random.default_rng(sequence)
    sharp, radius = mosaic(size, random)
    views = render(sharp, radius, BOKEHS[random.integers(len(BOKEHS))])
    images = {**views._asdict(), "target": sharp}
    for view, path in _paths(work, scene).items():
        write_png16(path, to_uint16(images[view]))
