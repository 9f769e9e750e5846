"""Folder stage: many shots into a folder; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pipeline.data.photographs.finished import FinishedImages
from pipeline.data.photographs.photograph import SUFFIXES
from pipeline.data.photographs.shots import Shot
from pipeline.errors import DataError, UserError
from pipeline.files import need_writable, sha256_of

Made = TypeVar("Made")


@dataclass(frozen=True)
class Outcome(Generic[Made]):
    """What became of a shot: `made` is set for a new result, `problem` for a failure."""

    target: Path
    state: Literal["deblurred", "current", "failed"]
    made: Made | None = None
    problem: str = ""


def deblur_shots(
    shots: list[Shot],
    folder: Path,
    *,
    deblur: Callable[[Shot, Path], Made],
    settings: Mapping[str, Any],
    force: bool,
) -> Iterator[Outcome[Made]]:
    """Deblur shots, and leave out those whose results are current.

    A result is current if its images, the settings and its own content are as recorded in the
    folder. Any other file in its place is a failure, unless `force` is given; no image to deblur is
    ever replaced.

    Args:
        shots: images by view.
        folder: takes the results, named after their first images.
        deblur: deblurs one shot into a file.
        settings: JSON-like data that all results depend on.
        force: whether all are made again, and other files replaced.

    Raises:
        DataError: the folder cannot be written, or its record is damaged.
    """
    need_writable(folder)
    finished = FinishedImages(folder)
    taken: dict[Path, Shot] = {}
    sources = {path.resolve() for shot in shots for path in shot.images.values()}
    for shot in shots:
        target = folder / f"{shot.name}{_suffix(shot)}"
        try:
            if taken.setdefault(target, shot) is not shot:
                raise DataError(f"{target}: another shot has this name; rename one of the two")
            if target.resolve() in sources:
                raise DataError(f"{target}: is an image to deblur; name another folder")
            inputs = {view: sha256_of(path) for view, path in shot.images.items()}
            made_from = {"images": inputs, **settings}
            if not force and finished.is_current(target, made_from):
                yield Outcome(target, "current")
                continue
            if target.exists() and not force:
                raise DataError(
                    f"{target}: exists and is not what would be made now; name another folder, or "
                    "replace it with --force"
                )
            made = deblur(shot, target)
            finished.add(target, made_from)
        except UserError as error:
            yield Outcome(target, "failed", problem=str(error))
        else:
            yield Outcome(target, "deblurred", made)


def _suffix(shot: Shot) -> str:
    suffix = next(iter(shot.images.values())).suffix
    return suffix if suffix.lower() in SUFFIXES else ".png"
