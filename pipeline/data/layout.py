"""Where the pictures of a data set lie: the folder layout of the Canon set.

A. Abuolaim, M. S. Brown, "Defocus Deblurring Using Dual-Pixel Data", ECCV 2020: folders
`{train,val,test}_{c,l,r}/source` for the combined, left and right views and `*_c/target` for the
sharp pictures. The synthetic set has the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data.tables import read_table
from pipeline.errors import DataError

SPLITS = ("train", "val", "test")

_PUBLISHED_TEST = Path(__file__).with_name("dpdd_test_scenes.csv")
_UNPACKED_NAMES = ("dd_dp_dataset_canon", "dd_dp_dataset_png")


class SceneFiles(NamedTuple):
    """A scene: its split, reporting group, category and the names of its two main pictures."""

    split: str
    group: str
    category: str
    source: str
    target: str


class _Label(NamedTuple):
    category: str
    group: str


def scene_paths(root: Path, split: str, source: str, target: str) -> dict[str, Path]:
    """Files of a scene, by view, in the layout of the Canon set (Abuolaim & Brown, ECCV 2020)."""
    stem = Path(source).stem
    return {
        "combined": root / f"{split}_c" / "source" / source,
        "left": root / f"{split}_l" / "source" / f"{stem}_L.png",
        "right": root / f"{split}_r" / "source" / f"{stem}_R.png",
        "target": root / f"{split}_c" / "target" / target,
    }


def find_scenes(root: Path) -> list[SceneFiles]:
    """List the scenes of a data set, with their labels.

    Sources and targets of a split pair up by position in sorted order; their capture numbers
    differ by 1 or 2. A split of which no folder exists is left out (the test pictures alone are
    enough to evaluate official weights). Categories and groups come from `scenes.csv` in `root`
    if it is there, else from the published list of the Canon test scenes.

    Returns:
        Train, val, test; sorted by source within a split.

    Raises:
        DataError: a picture is missing, surplus or unpaired; a scene stands in two splits or has
            no label; a row of `scenes.csv` has no pictures.
    """
    present = [
        split for split in SPLITS if any((root / f"{split}_{view}").exists() for view in "clr")
    ]
    if not present:
        raise _no_splits(root)
    labels, complete = _labels(root)
    pairs = [(split, *pair) for split in present for pair in _pairs(root, split)]
    _check_sources(root, pairs, labels if complete else {})
    scenes = []
    for split, source, target in pairs:
        label = _label_of(root, split, source, labels)
        scenes.append(SceneFiles(split, label.group, label.category, source, target))
    return scenes


def _no_splits(root: Path) -> DataError:
    for name in _UNPACKED_NAMES:
        if (root / name).is_dir():
            return DataError(f"{root}: the data set is one folder deeper; use {root / name}")
    return DataError(f"{root}: no folder train_c, val_c or test_c; check the root of the data set")


def _pairs(root: Path, split: str) -> list[tuple[str, str]]:
    folder = root / f"{split}_c"
    sources, targets = _pictures(folder / "source"), _pictures(folder / "target")
    if not sources or len(sources) != len(targets):
        raise DataError(
            f"{folder}: {len(sources)} sources and {len(targets)} targets; "
            "every scene needs one of each, copy or download the set again"
        )
    for source, target in zip(sources, targets, strict=True):
        if not 1 <= abs(_number(folder, source) - _number(folder, target)) <= 2:
            raise DataError(
                f"{folder}: source {source} and target {target} do not belong together; "
                "a picture is missing or surplus"
            )
    _check_views(root, split, sources)
    return list(zip(sources, targets, strict=True))


def _check_views(root: Path, split: str, sources: list[str]) -> None:
    for view, suffix in (("l", "_L"), ("r", "_R")):
        folder = root / f"{split}_{view}" / "source"
        expected = {f"{Path(source).stem}{suffix}.png" for source in sources}
        strange = sorted(expected ^ set(_pictures(folder)))
        if strange:
            what = "is missing" if strange[0] in expected else "has no combined view"
            raise DataError(f"{folder / strange[0]}: {what}; copy or download the set again")


def _pictures(folder: Path) -> list[str]:
    # Archives made on macOS hold hidden "._*.png" files that are no pictures.
    return sorted(path.name for path in folder.glob("*.png") if not path.name.startswith("."))


def _number(folder: Path, name: str) -> int:
    match = re.fullmatch(r"[A-Za-z0-9_-]*?(\d{4,})\.png", name)
    if match is None:
        raise DataError(f"{folder}: {name} has no capture number; names look like 1P0A0917.png")
    return int(match[1])


def _check_sources(
    root: Path, pairs: list[tuple[str, str, str]], labels: Mapping[tuple[str, str], _Label]
) -> None:
    """No source in two splits, and no label without its scene."""
    owner: dict[str, str] = {}
    for split, source, _ in pairs:
        if source in owner:
            raise DataError(
                f"{root}: {source} is in {owner[source]} and in {split}; remove one of them"
            )
        owner[source] = split
    for split, source in labels:
        if owner.get(source) != split:
            raise DataError(
                f"{root / 'scenes.csv'}: {source} of {split} has no pictures; make the set again"
            )


def _labels(root: Path) -> tuple[dict[tuple[str, str], _Label], bool]:
    """Labels by split and source, and whether each of them must have its scene."""
    own = root / "scenes.csv"
    if own.exists():
        columns = ("split", "source", "category", "group")
        return {
            (record["split"], record["source"]): _Label(record["category"], record["group"])
            for _, record in read_table(own, columns, more=True)
        }, True
    published = read_table(_PUBLISHED_TEST, ("category", "file_name"), more=True)
    return {
        ("test", record["file_name"]): _Label(record["category"], "main") for _, record in published
    }, False


def _label_of(
    root: Path, split: str, source: str, labels: Mapping[tuple[str, str], _Label]
) -> _Label:
    if (split, source) in labels:
        return labels[split, source]
    if (root / "scenes.csv").exists():
        raise DataError(f"{root / 'scenes.csv'}: has no row for {source} of {split}; add it")
    if split == "test":
        raise DataError(
            f"{root}: {source} is not one of the published test scenes; "
            "remove it or label all scenes in scenes.csv"
        )
    return _Label("", "main")
