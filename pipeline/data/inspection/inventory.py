"""Contents of a data set according to its names alone: layout, scenes, labels and problems."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.data.canon import FOLDER_REMEDY
from pipeline.data.inspection.layout import (
    Location,
    image_folders,
    locate,
    other_images,
    splits_of,
)
from pipeline.data.inspection.official_split import (
    check_categories,
    check_official,
    official_targets,
)
from pipeline.data.inspection.pairing import SceneFiles, pair_split
from pipeline.data.inspection.scene_labels import SceneLabel, SceneLabels, own_labels, read_labels
from pipeline.errors import DataError


class Inventory(NamedTuple):
    """A data set before any image is opened.

    `place`: layout and folder. `scenes`: train, val, test; sorted by source within a split. A
    scene of an incomplete set may lack files. `loose`: images that belong to no scene.
    `labels_from`: where labels were read. `truth`: whether there are sharp images. `official`:
    whether it must be the official Canon set. `problems`, `notes`: errors and remarks, one line
    each.
    """

    place: Location
    scenes: list[SceneFiles]
    loose: list[str]
    labels_from: str
    truth: bool
    official: bool
    problems: list[str]
    notes: list[str]


def take_inventory(root: Path, *, official: bool | None = False) -> Inventory:
    """List the scenes of a data set, with their labels.

    A split without folders is skipped. A set with only a test split, and without a folder for
    targets, has no ground truth (Pixel 4); its scenes need no labels.

    Args:
        root: the folder of the set, or one up to three levels above it.
        official: whether the set must be the official Canon set, scene by scene; `None`:
            required unless it has its own labels or no ground truth.

    Raises:
        DataError: there is no set, or more than one; a folder cannot be read.
    """
    try:
        return _take(root, official)
    except OSError as error:
        raise DataError(
            f"{error.filename or root}: cannot be read ({error.strerror}); check its permissions"
        ) from error


def _take(root: Path, official: bool | None) -> Inventory:
    place = locate(root)
    splits = splits_of(place)
    truth = splits != ["test"] or image_folders(place, "test")["target"].exists()
    other = {split: _other_images(place, split) for split in splits}
    unreadable = {split for split, paths in other.items() if paths}
    pairings = [pair_split(root, place, split, truth=truth) for split in splits]
    problems = _in_other_format(place, [path for paths in other.values() for path in paths])
    problems += [
        problem
        for split, pairing in zip(splits, pairings, strict=True)
        for problem in pairing.problems
        if split not in unreadable
    ]
    scenes = [_named_officially(scene) for pairing in pairings for scene in pairing.scenes]
    problems += _in_two_splits(root, scenes)
    label_file = own_labels(root, place)
    if official is None:
        official = label_file is None and truth
    if official:
        problems += _not_official(place, label_file, truth) or check_official(place, scenes)
    tests = sorted(scene.source for scene in scenes if scene.split == "test")
    labels = SceneLabels({}, "none")
    try:
        if truth or label_file:
            labels = read_labels(root, place, tests)
            problems += _without_scene(labels, scenes, unreadable)
            problems += _without_label(place, labels, scenes)
    except DataError as error:
        problems.append(str(error))
    scenes = [_labeled(scene, labels.by_scene) for scene in scenes]
    if official and labels.by_scene and truth:
        problems += check_categories(place, scenes)
    loose = [path for pairing in pairings for path in pairing.loose]
    notes = list(labels.differences)
    if official and splits == ["test"]:
        notes.append(
            f"{place.folder}: only the test scenes: enough to score given weights, not to train"
        )
    return Inventory(place, scenes, loose, labels.read_from, truth, official, problems, notes)


def _other_images(place: Location, split: str) -> list[Path]:
    folders = image_folders(place, split).values()
    return [path for folder in folders for path in other_images(folder)]


def _in_other_format(place: Location, paths: Sequence[Path]) -> list[str]:
    """One problem for all images of a format that would have to be converted."""
    where = shlex.quote(str(place.folder))
    return [
        f"{place.folder}: found {count} {suffix} files; PNG is read: convert with "
        f"`find {where} -name '*{suffix}' -exec mogrify -format png {{}} +`"
        for suffix, count in Counter(path.suffix for path in paths).items()
    ]


def _named_officially(scene: SceneFiles) -> SceneFiles:
    """Restore the official name of a target that a mirror renamed after its source."""
    target = official_targets().get((scene.split, scene.source))
    return scene._replace(target=target) if target and scene.target == scene.source else scene


def _not_official(place: Location, label_file: Path | None, truth: bool) -> list[str]:
    if label_file is not None:
        return [f"{label_file}: a set with its own labels is not the official one; {FOLDER_REMEDY}"]
    if not truth:
        return [
            f"{place.folder}: no ground truth, so this is not the official set; {FOLDER_REMEDY}"
        ]
    return []


def _in_two_splits(root: Path, scenes: Sequence[SceneFiles]) -> list[str]:
    owner: dict[str, str] = {}
    problems = []
    for scene in scenes:
        first = owner.setdefault(scene.source, scene.split)
        if first != scene.split:
            path = root / scene.files["combined"]
            problems.append(f"{path}: is in both {first} and {scene.split}; remove one of them")
    return problems


def _without_scene(
    labels: SceneLabels, scenes: Sequence[SceneFiles], unreadable: Collection[str]
) -> list[str]:
    if not labels.complete:
        return []
    present = {(scene.split, scene.source) for scene in scenes}
    return [
        f"{labels.read_from}: {source} of {split} has no images; make the set again"
        for split, source in labels.by_scene
        if (split, source) not in present and split not in unreadable
    ]


def _without_label(place: Location, labels: SceneLabels, scenes: Sequence[SceneFiles]) -> list[str]:
    problems = []
    for scene in scenes:
        if (scene.split, scene.source) in labels.by_scene:
            continue
        if labels.complete:
            problems.append(
                f"{labels.read_from}: has no row for {scene.source} of {scene.split}; add it"
            )
        elif scene.split == "test":
            problems.append(
                f"{place.folder}: {scene.source} is not one of the published test scenes; "
                "remove it or label all scenes in scenes.csv"
            )
    return problems


def _labeled(scene: SceneFiles, labels: Mapping[tuple[str, str], SceneLabel]) -> SceneFiles:
    label = labels.get((scene.split, scene.source), SceneLabel(""))
    return scene._replace(category=label.category, group=label.group)
