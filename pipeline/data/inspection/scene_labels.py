"""Labels of scenes, indoor or outdoor, from the most reliable source available."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.data.csv_files import read_table
from pipeline.data.inspection.layout import Location, image_folders
from pipeline.errors import DataError, one_line

CATEGORIES = ("indoor", "outdoor", "")
OWN = "scenes.csv"

TEST_SCENES = Path(__file__).with_name("dpdd_test_scenes.csv")
"""Published list of the test scenes: source and category."""

_ARRAYS = {"indoor": "indoor_labels.npy", "outdoor": "outdoor_labels.npy"}
_MAX_ARRAY_BYTES = 1 << 16


class SceneLabel(NamedTuple):
    """Category (indoor, outdoor or empty) and reporting group of a scene."""

    category: str
    group: str = "main"


class SceneLabels(NamedTuple):
    """Labels of a set's scenes.

    `by_scene`: keyed by split and source. `read_from`: where they were read, for reports.
    `complete`: whether every scene must have a label and every label a scene. `differences`: from
    the published list, one line each.
    """

    by_scene: Mapping[tuple[str, str], SceneLabel]
    read_from: str
    complete: bool = False
    differences: tuple[str, ...] = ()


def own_labels(root: Path, place: Location) -> Path | None:
    """The set's own `scenes.csv`, in the root or in the set's folder below it."""
    paths = [folder / OWN for folder in (root, place.folder)]
    return next((path for path in paths if path.exists()), None)


def read_labels(root: Path, place: Location, tests: Sequence[str]) -> SceneLabels:
    """Read the labels of a set from the most reliable source available.

    The set's own `scenes.csv` takes precedence over the authors' arrays `indoor_labels.npy` and
    `outdoor_labels.npy` (1-based positions in the sorted test list, in the root or in a folder of
    the test images), which take precedence over the published list of the Canon test scenes.

    Args:
        root: root of the set.
        place: result of `locate`.
        tests: names of its test scenes, sorted.

    Raises:
        DataError: a label file is malformed, or contradicts itself or the test scenes.
    """
    own = own_labels(root, place)
    if own is not None:
        return SceneLabels(_read_own(own), str(own), complete=True)
    published = {
        record["file_name"]: record["category"]
        for _, record in read_table(TEST_SCENES, ("category", "file_name"), more=True)
    }
    folder = _array_folder(root, place)
    if folder is None:
        by_scene = {("test", name): SceneLabel(category) for name, category in published.items()}
        return SceneLabels(by_scene, "published list")
    categories = _read_arrays(folder, tests)
    differences = tuple(
        f"{folder}: {name} (number {number}) is {categories[name]} in the label arrays, which "
        f"take precedence over the published list ({published[name]})"
        for number, name in enumerate(tests, 1)
        if name in published and published[name] != categories[name]
    )
    by_scene = {("test", name): SceneLabel(category) for name, category in categories.items()}
    return SceneLabels(by_scene, f"label arrays in {folder}", differences=differences)


def _read_own(path: Path) -> dict[tuple[str, str], SceneLabel]:
    labels = {}
    for line, record in read_table(path, ("split", "source", "category", "group"), more=True):
        source, category, group = (record[name] for name in ("source", "category", "group"))
        where = f"{path}:{line}: {one_line(source)}"
        if category not in CATEGORIES:
            raise DataError(
                f"{where}: category '{one_line(category)}'; use indoor, outdoor or nothing"
            )
        if not re.fullmatch(r"[a-z0-9_-]+", group):
            raise DataError(
                f"{where}: group '{one_line(group)}'; use lowercase letters, digits, - and _"
            )
        key = (record["split"], source)
        if key in labels:
            raise DataError(f"{where}: has two rows; remove one of them")
        labels[key] = SceneLabel(category, group)
    return labels


def _array_folder(root: Path, place: Location) -> Path | None:
    views = image_folders(place, "test").values()
    folders = dict.fromkeys(
        [root, place.folder, *(folder for view in views for folder in (view.parent, view))]
    )
    holders = [f for f in folders if any((f / name).exists() for name in _ARRAYS.values())]
    if len(holders) > 1:
        listed = " and ".join(str(folder) for folder in holders)
        raise DataError(f"{root}: label arrays in {listed}; remove the wrong ones")
    return holders[0] if holders else None


def _read_arrays(folder: Path, tests: Sequence[str]) -> dict[str, str]:
    """Category of each test scene."""
    category_of: dict[int, str] = {}
    for category, name in _ARRAYS.items():
        path = folder / name
        if not path.exists():
            raise DataError(f"{path}: is missing next to the other array; add it, or remove both")
        for position in _read_positions(path, len(tests)):
            if position in category_of:
                raise DataError(
                    f"{path}: names scene number {position}, which is already "
                    f"{category_of[position]}; copy both label arrays again, or remove them"
                )
            category_of[position] = category
    missing = [number for number in range(1, len(tests) + 1) if number not in category_of]
    if missing:
        raise DataError(
            f"{folder}: the label arrays lack {len(missing)} of {len(tests)} test scenes, the "
            f"first is number {missing[0]}; copy both again, or remove them"
        )
    return {name: category_of[number] for number, name in enumerate(tests, 1)}


def _read_positions(path: Path, tests: int) -> list[int]:
    again = "copy it again, or remove both arrays"
    if path.is_file() and path.stat().st_size > _MAX_ARRAY_BYTES:
        raise DataError(f"{path}: too large for labels; {again}")
    try:
        # Mapping refuses pickles, and arrays that claim more than the file holds.
        array: Any = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy's header parser may raise anything.
        raise DataError(f"{path}: is not a NumPy array of whole numbers; {again}") from error
    if array.dtype.kind not in "iu":
        raise DataError(f"{path}: holds {array.dtype}, not whole numbers; {again}")
    positions = [int(value) for value in array.ravel()]
    outside = [position for position in positions if not 1 <= position <= tests]
    if outside:
        raise DataError(
            f"{path}: {outside[0]} is not a position among {tests} test scenes (counted from 1); "
            "complete the test scenes, or remove both arrays"
        )
    return positions
