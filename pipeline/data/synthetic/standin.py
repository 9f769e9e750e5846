"""A stand-in for the Canon set: its sizes, folders and file names, but images made here.

For rehearsals of whatever handles the real set. `scenes.csv` says `stand-in` in every row.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.compute.process_pool import spread
from pipeline.data.bit_depth import to_uint16
from pipeline.data.canon import CANON_SCENES
from pipeline.data.csv_files import read_table
from pipeline.data.inspection.layout import SPLITS
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
"""What a scene takes on disk per pixel, its four files together; measured."""

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
    """Scenes of the Canon set, spread evenly over its splits and both categories of its test set.

    Args:
        count: 4 to 500; the splits share them as 350, 74 and 76.

    Returns:
        Train, val, test; sorted by source within a split.

    Raises:
        ConfigError: another count.
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
        # Both categories of the test set, in its own proportion; the other splits have none.
        indoor = [scene for scene in official[split] if scene.category == "indoor"]
        others = [scene for scene in official[split] if scene.category != "indoor"]
        first = max(1, round(wanted[split] * len(indoor) / len(official[split]))) if indoor else 0
        chosen += sorted([*_spread(indoor, first), *_spread(others, wanted[split] - first)])
    return sorted(chosen, key=lambda scene: SPLITS.index(scene.split))


def make_standin(
    root: Path, count: int, seed: int, size: tuple[int, int], workers: int, *, progress: bool
) -> int:
    """Make the stand-in: left, right and combined views and the sharp image of every scene.

    `root` appears at once when all is done. Until then finished files lie in a folder beside it;
    a start with the same arguments goes on from there. The bytes depend on `count`, `seed` and
    `size` alone.

    Args:
        root: folder to make, with `train_c` … `test_r` and `scenes.csv`.
        count: scenes, see `choose_scenes`.
        seed: of all scenes; each derives its own from it and its name.
        size: height and width of the images in pixels.
        workers: number of processes.
        progress: whether a progress bar is shown.

    Returns:
        How many scenes were made now; 0 if `root` holds this very set already.

    Raises:
        ConfigError: an impossible count or size.
        DataError: `root` holds something else, the disk is too full or cannot be written.
    """
    if min(size) < _SMALLEST_SIDE or size[0] * size[1] > MAX_PIXELS:
        raise ConfigError(
            f"--size: {size[0]}x{size[1]} cannot be made; use sides from {_SMALLEST_SIDE} and at "
            f"most {MAX_PIXELS} pixels"
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
    jobs = {scene: (work, seed, size, scene) for scene in missing}
    made = spread(_make_scene, jobs, workers, work)
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


def _spread(scenes: list[StandIn], count: int) -> list[StandIn]:
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
    split, stem = scene.split, Path(scene.source).stem
    return {
        "combined": root / f"{split}_c" / "source" / scene.source,
        "left": root / f"{split}_l" / "source" / f"{stem}_L.png",
        "right": root / f"{split}_r" / "source" / f"{stem}_R.png",
        "target": root / f"{split}_c" / "target" / scene.target,
    }


def _is_made(folder: Path, scene: StandIn) -> bool:
    # Each file appears by renaming, so one that is there is whole.
    return all(path.exists() for path in _paths(folder, scene).values())


def _make_scene(work: Path, seed: int, size: tuple[int, int], scene: StandIn) -> None:
    sequence = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(scene.split), scene.number))
    random = np.random.default_rng(sequence)
    sharp, radius = mosaic(size, random)
    views = render(sharp, radius, BOKEHS[random.integers(len(BOKEHS))])
    images = {**views._asdict(), "target": sharp}
    for view, path in _paths(work, scene).items():
        write_png16(path, to_uint16(images[view]))
