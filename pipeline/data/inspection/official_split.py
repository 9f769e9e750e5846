"""The official split of the Canon set: the names of its scenes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from pipeline.data.canon import INDOOR, OUTDOOR
from pipeline.data.csv_files import read_table
from pipeline.data.inspection.layout import SPLITS, Location
from pipeline.data.inspection.pairing import SceneFiles

SPLIT_FILE_NAMES = Path(__file__).with_name("dpdd_split_file_names.csv")
"""Published list of all scenes: split, source and target, without extension."""

_SHOWN = 3


@cache
def official_targets() -> dict[tuple[str, str], str]:
    """Name of each scene's target, by split and source."""
    return {
        (record["split"], f"{record['source']}.png"): f"{record['target']}.png"
        for _, record in read_table(SPLIT_FILE_NAMES, ("split", "source", "target"), more=True)
    }


def check_official(place: Location, scenes: Sequence[SceneFiles]) -> list[str]:
    """Compare scenes with the published lists (350 train, 74 val, 76 test).

    A split without scenes is not checked: the test images alone are enough for an evaluation.

    Returns:
        The problems, one line each.
    """
    expected = official_targets()
    problems = []
    for split in SPLITS:
        present = {scene.source: scene for scene in scenes if scene.split == split}
        listed = {source for of_split, source in expected if of_split == split}
        if not present:
            continue
        where = f"{place.folder}: {split} has {len(present)} scenes of {len(listed)}"
        missing, surplus = listed - set(present), set(present) - listed
        if missing:
            problems.append(f"{where}: {_some(missing)} missing; copy or download the set again")
        if surplus:
            problems.append(f"{where}: {_some(surplus)} not in the official list; remove them")
        for source in sorted(listed & set(present)):
            target = present[source].target
            if target and target != expected[split, source]:
                problems.append(
                    f"{place.folder}: the target of {source} in {split} is {target}, officially "
                    f"{expected[split, source]}; copy or download the set again"
                )
    return problems


def check_categories(place: Location, scenes: Iterable[SceneFiles]) -> list[str]:
    """Compare the numbers of indoor and outdoor test scenes with the published ones.

    Returns:
        The problem in one line, or nothing.
    """
    categories = [scene.category for scene in scenes if scene.split == "test"]
    counts = categories.count("indoor"), categories.count("outdoor")
    if not categories or counts == (INDOOR, OUTDOOR):
        return []
    return [
        f"{place.folder}: {counts[0]} indoor and {counts[1]} outdoor test scenes, officially "
        f"{INDOOR} and {OUTDOOR}; complete the set, or remove its label files"
    ]


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"{len(names)} ({shown}{', …' if len(names) > _SHOWN else ''})"
