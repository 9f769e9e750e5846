"""Complete examination of a data set: names, labels, every image, and consistency of the set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data import canon
from pipeline.data.inspection.inventory import Inventory, take_inventory
from pipeline.data.inspection.registration import Registration
from pipeline.data.inspection.scan import FileFacts, SceneFacts, scan
from pipeline.errors import DataError


class Survey(NamedTuple):
    """Contents of a set, facts about its files, and problems, one line each.

    `facts`: one entry per scene of `inventory`, then one per loose file.
    """

    inventory: Inventory
    facts: list[SceneFacts]
    problems: list[str]

    def images(self) -> Iterator[tuple[str, FileFacts, Registration | None]]:
        """Relative path, facts and alignment of every image that could be decoded.

        Unprintable characters of a path are escaped.
        """
        for files, scene in zip(_jobs(self.inventory), self.facts, strict=True):
            for view, facts in scene.files.items():
                yield shown(files[view]), facts, scene.registration.get(view)


def survey(
    root: Path,
    *,
    official: bool | None = False,
    workers: int = 1,
    journal: Path | None = None,
    progress: bool = False,
) -> Survey:
    """Examine a data set from its folders to its pixels; every image is decoded once.

    Args:
        root: the folder of the set, or one up to three levels above it.
        official: see `take_inventory`.
        workers: number of processes; the result doesn't depend on it.
        journal: see `scan`.
        progress: whether a progress bar is shown.

    Raises:
        DataError: there is no set, or more than one; a process was killed.
    """
    inventory = take_inventory(root, official=official)
    jobs = _jobs(inventory)
    facts = scan(root, jobs, workers, journal=journal, progress=progress)
    problems = [*inventory.problems, *(problem for scene in facts for problem in scene.problems)]
    examined = Survey(inventory, facts, problems)
    problems += [*_same_twice(root, examined), *_mixed(root, examined)]
    if inventory.official:
        problems += _not_canon_size(root, examined)
    return examined._replace(problems=[shown(problem) for problem in problems])


def shown(text: str) -> str:
    """Text on one line that any terminal and JSON can hold; file names may contain anything.

    >>> shown("a\\nb")
    'a\\\\nb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def require_sound(root: Path, examined: Survey) -> None:
    """Refuse a set that has problems.

    Raises:
        DataError: names the first problem and gives their number.
    """
    if examined.problems:
        count = len(examined.problems)
        position = "the only problem" if count == 1 else f"the first of {count} problems"
        raise DataError(
            f"{examined.problems[0]} ({position}; run `dmtbench doctor --root {root}` for a report)"
        )


def _jobs(inventory: Inventory) -> list[Mapping[str, str]]:
    return [*(scene.files for scene in inventory.scenes), *({"": f} for f in inventory.loose)]


def _same_twice(root: Path, examined: Survey) -> list[str]:
    first: dict[str, str] = {}
    return [
        f"{root / name}: is byte for byte the same image as {root / first[facts.sha256]}; "
        "copy or download the set again"
        for name, facts, _ in examined.images()
        if first.setdefault(facts.sha256, name) != name
    ]


def _not_canon_size(root: Path, examined: Survey) -> list[str]:
    """Names are no evidence: noise under the official names is not the official set."""
    other = [
        (name, facts)
        for name, facts, _ in examined.images()
        if sorted((facts.height, facts.width)) != sorted(canon.CANON_SIZE)
    ]
    if not other:
        return []
    (name, facts), count = other[0], len(other)
    size, (height, width) = f"{facts.width}x{facts.height}", canon.CANON_SIZE
    more = f" ({count - 1} other images neither)" if count > 1 else ""
    return [
        f"{root / name}: is {size}, not {width}x{height} as in the official set{more}; "
        f"download the set again, or for another set {canon.FOLDER_REMEDY}"
    ]


def _mixed(root: Path, examined: Survey) -> list[str]:
    depths = Counter(facts.bit_depth for _, facts, _ in examined.images())
    if len(depths) < 2:
        return []
    ((usual, count), *_) = depths.most_common()
    return [
        f"{root / name}: has {facts.bit_depth} bits per channel, {count} others have {usual}; "
        "take the whole set from one source"
        for name, facts, _ in examined.images()
        if facts.bit_depth != usual
    ]
