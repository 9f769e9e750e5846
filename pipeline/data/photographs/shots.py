"""Which images belong together: single files, or folders and patterns, paired by name."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data.photographs.photograph import SUFFIXES
from pipeline.errors import DataError

_VIEWS = {"l": "left", "r": "right", "c": "combined"}
_MARK = re.compile(r"(?:^|[._\- ])(left|right|combined|l|r|c)$", re.IGNORECASE)


class Shot(NamedTuple):
    """The images of one shot, by view."""

    images: Mapping[str, Path]

    @property
    def name(self) -> str:
        """The name of the result, without its end: that of the first image."""
        return next(iter(self.images.values())).stem


class Shots(NamedTuple):
    """Shots, and images that belong to none, one line each."""

    shots: list[Shot]
    problems: list[str]


def is_many(source: str) -> bool:
    """Whether a source is a folder or a pattern, not a single image.

    >>> is_many("photos/*_L.png"), is_many("photos/IMG_1_L.png")
    (True, False)
    """
    path = Path(source)
    return path.is_dir() or (not path.exists() and glob.has_magic(source))


def name_parts(stem: str) -> tuple[str, str | None]:
    """The name of a shot, and the view that the end of the stem names, if any.

    >>> name_parts("IMG_1_L"), name_parts("IMG_1.right"), name_parts("flower")
    (('IMG_1', 'left'), ('IMG_1', 'right'), ('flower', None))
    """
    found = _MARK.search(stem)
    if found is None:
        return stem, None
    word = found.group(1).lower()
    return stem[: found.start()], _VIEWS[word[0]]


def find_shots(sources: Mapping[str, str]) -> Shots:
    """Pair images by name: `IMG_1`, `IMG_1_L` and `IMG_1.left` are views of one shot.

    All views may lie in one folder, if the ends of their names tell them apart.

    Args:
        sources: a folder or a pattern, such as `photos/*_L.tif`, by view.

    Raises:
        DataError: a source is neither, or has no images; or nothing pairs up.
    """
    problems: list[str] = []
    by_name: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    shared = len({Path(source).resolve() for source in sources.values()}) < len(sources)
    for view, source in sources.items():
        for path in _images(source):
            name, marked = name_parts(path.stem)
            if shared and marked != view:
                if marked is None and view == next(iter(sources)):
                    problems.append(f"{path}: its name ends in no view (_L, _R); left out")
                continue
            earlier = by_name[name].setdefault(view, path)
            if earlier != path:
                problems.append(f"{path}: {earlier} is the {view} view of this name; left out")
    shots = []
    for _, images in sorted(by_name.items()):
        missing = [view for view in sources if view not in images]
        if missing:
            first = next(iter(images.values()))
            problems.append(f"{first}: has no {' and no '.join(missing)} view; left out")
        else:
            shots.append(Shot({view: images[view] for view in sources}))
    if not shots:
        listed = ", ".join(sources.values())
        raise DataError(
            f"{listed}: no images pair up by name; name the views of a shot alike, such as "
            "IMG_1_L.png and IMG_1_R.png"
        )
    return Shots(shots, problems)


def _images(source: str) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        found = [child for child in path.iterdir() if child.suffix.lower() in SUFFIXES]
    elif glob.has_magic(source):
        found = [Path(name) for name in glob.glob(source, recursive=True)]  # noqa: PTH207
    else:
        raise DataError(f"{source}: not a folder or a pattern, as the other views are")
    # Some systems keep other data in files beside the images.
    found = [child for child in found if child.is_file() and not child.name.startswith(".")]
    if not found:
        raise DataError(f"{source}: has no PNG, TIFF or JPEG images; name another folder")
    return sorted(found)
