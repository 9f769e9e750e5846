"""The whole truth about a data set: names, labels, every image, and the set as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data.inspection.inventory import Inventory, take_inventory
from pipeline.data.inspection.registration import Registration
from pipeline.data.inspection.scan import FileFacts, SceneFacts, scan
from pipeline.errors import DataError


class Survey(NamedTuple):
    """What a set consists of, what its files hold, and what is wrong, one line each.

    `facts`: one entry per scene of `inventory`, then one per loose file.
    """

    inventory: Inventory
    facts: list[SceneFacts]
    problems: list[str]

    def images(self) -> Iterator[tuple[str, FileFacts, Registration | None]]:
        """Path relative to the root and facts of every image that could be decoded.

        Characters of a path that cannot be shown are escaped.
        """
        for files, found in zip(_jobs(self.inventory), self.facts, strict=True):
            for view, facts in found.files.items():
                yield shown(files[view]), facts, found.registration.get(view)


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
        root: the set lies in it or up to three folders below.
        official: see `take_inventory`.
        workers: processes; the result doesn't depend on them.
        journal: see `scan`.
        progress: whether a progress bar is shown.

    Raises:
        DataError: no set is found, or more than one; a process was killed.
    """
    inventory = take_inventory(root, official=official)
    jobs = _jobs(inventory)
    facts = scan(root, jobs, workers, journal=journal, progress=progress)
    problems = [*inventory.problems, *(problem for one in facts for problem in one.problems)]
    found = Survey(inventory, facts, problems)
    problems = [*problems, *_same_twice(root, found), *_mixed(root, found)]
    return found._replace(problems=[shown(problem) for problem in problems])


def shown(text: str) -> str:
    """Text on one line that any terminal and JSON can hold: file names may be anything."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def require_sound(root: Path, found: Survey) -> None:
    """Refuse a set with which anything is wrong.

    Raises:
        DataError: names the first problem and says how many there are.
    """
    if found.problems:
        count = len(found.problems)
        rest = "the only problem" if count == 1 else f"the first of {count} problems"
        raise DataError(
            f"{found.problems[0]} ({rest}; run `dmtbench doctor --root {root}` for a report)"
        )


def _jobs(inventory: Inventory) -> list[Mapping[str, str]]:
    return [*(scene.files for scene in inventory.scenes), *({"": f} for f in inventory.loose)]


def _same_twice(root: Path, found: Survey) -> list[str]:
    first: dict[str, str] = {}
    return [
        f"{root / name}: is byte for byte the same image as {root / first[facts.sha256]}; "
        "copy or download the set again"
        for name, facts, _ in found.images()
        if first.setdefault(facts.sha256, name) != name
    ]


def _mixed(root: Path, found: Survey) -> list[str]:
    depths = Counter(facts.bit_depth for _, facts, _ in found.images())
    if len(depths) < 2:
        return []
    ((usual, count), *_) = depths.most_common()
    return [
        f"{root / name}: has {facts.bit_depth} bits per channel, {count} others have {usual}; "
        "take the whole set from one source"
        for name, facts, _ in found.images()
        if facts.bit_depth != usual
    ]
