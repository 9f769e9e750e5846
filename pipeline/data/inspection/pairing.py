"""Groups the images of a split into scenes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.data.inspection.clip_names import clip_of
from pipeline.data.inspection.layout import SUFFIXES, Location, image_folders, is_image

MAX_NUMBER_DIFFERENCE = 2

_SIDES = ("left", "right")
_AGAIN = "copy or download the set again"
_Stems = dict[str, Path]


class SceneFiles(NamedTuple):
    """A scene: names, labels and files.

    `source`, `target`: names of the combined and the sharp image, spelled as in the Canon set;
    `target` is empty if there is none. `files`: path of each view relative to the root, with
    forward slashes. `group`: scenes of a group are reported together. `category`: indoor, outdoor
    or empty.
    """

    split: str
    source: str
    target: str
    files: Mapping[str, str]
    group: str = "main"
    category: str = ""


class Pairing(NamedTuple):
    """Scenes of a split, files that belong to no scene, and problems, one line each."""

    scenes: list[SceneFiles]
    loose: list[str]
    problems: list[str]


def pair_split(root: Path, place: Location, split: str, *, truth: bool) -> Pairing:
    """Group the images of a split into scenes.

    Sources and targets pair up by position in sorted order; their capture numbers differ by 1 or
    2, or their names are equal: in mirrors that renamed the targets, for frames of clips, and in
    sets that name most of them alike, where a pair of different names is an error. Left
    and right views have the name of their source, with or without `_L` and `_R`.

    Args:
        root: root of the set; paths are relative to it.
        place: result of `locate`.
        split: train, val or test.
        truth: whether there are sharp images.
    """
    problems: list[str] = []
    loose: list[Path] = []
    folders = image_folders(place, split)
    if not truth:
        del folders["target"]
    by_view = {
        view: _by_stem(folder, SUFFIXES.get(view, ""), problems, loose)
        for view, folder in folders.items()
    }
    sources = by_view["combined"]
    targets = _targets(place, sources, by_view["target"], problems, loose) if truth else {}
    if sources:
        for view in _SIDES:
            _check_view(view, folders[view], sources, by_view[view], problems, loose)
    else:
        if not truth:
            problems.append(f"{folders['combined']}: holds no images; {_AGAIN}")
        loose += [*by_view["left"].values(), *by_view["right"].values()]
    scenes = []
    for stem, path in sources.items():
        views = {"combined": path, "left": by_view["left"].get(stem)}
        views |= {"right": by_view["right"].get(stem), "target": targets.get(stem)}
        files = {view: _relative(root, file) for view, file in views.items() if file is not None}
        target = f"{targets[stem].stem}.png" if stem in targets else ""
        scenes.append(SceneFiles(split, f"{stem}.png", target, files))
    return Pairing(scenes, [_relative(root, path) for path in loose], problems)


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _by_stem(folder: Path, suffix: str, problems: list[str], loose: list[Path]) -> _Stems:
    """Images of a folder by name without suffix and extension, sorted by it."""
    by_stem: _Stems = {}
    paths = [path for path in folder.iterdir() if is_image(path)] if folder.is_dir() else []
    for path in sorted(paths):
        stem = re.sub(f"{suffix}$", "", path.stem, flags=re.IGNORECASE)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", stem):
            problems.append(
                f"{path}: its name has characters other than letters, digits, - and _; "
                "rename it, or remove it if it is a copy"
            )
            loose.append(path)
        elif stem in by_stem:
            problems.append(
                f"{path}: has the same name as {by_stem[stem].name}; remove one of them"
            )
            loose.append(path)
        else:
            by_stem[stem] = path
    return dict(sorted(by_stem.items()))


def _targets(
    place: Location, sources: _Stems, targets: _Stems, problems: list[str], loose: list[Path]
) -> _Stems:
    """The target of each source, by the source's stem."""
    if not sources or len(sources) != len(targets):
        folder = next((path.parents[1] for path in [*sources.values(), *targets.values()]), "")
        problems.append(
            f"{folder or place.folder}: {len(sources)} sources and {len(targets)} targets; "
            f"every scene needs one of each, {_AGAIN}"
        )
        loose += targets.values()
        return {}
    renamed = place.layout == "restormer"
    # A set may name sources and targets alike; then another name is a wrong pair.
    alike = 2 * len(sources.keys() & targets.keys()) > len(sources)
    # Frames are numbered consecutively: if names are equal, a neighboring number is a wrong pair.
    framed = {stem for stem in sources if stem in targets and clip_of(stem)}
    for (stem, path), target in zip(sources.items(), targets, strict=True):
        if stem == target and (renamed or alike or stem in framed):
            continue
        numbers = [_number(stem), _number(target)]
        if framed or alike or None not in numbers:
            if framed or alike or not _are_neighbors(*numbers):
                problems.append(
                    f"{path}: does not belong to target {target}.png; "
                    "find the missing or surplus image"
                )
        else:
            wrong = path if numbers[0] is None else targets[target]
            problems.append(f"{wrong}: has no capture number; names look like 1P0A0917.png")
    return dict(zip(sources, targets.values(), strict=True))


def _are_neighbors(source: int | None, target: int | None) -> bool:
    return 1 <= abs((source or 0) - (target or 0)) <= MAX_NUMBER_DIFFERENCE


def _number(stem: str) -> int | None:
    match = re.search(r"\d{4,}$", stem)
    return int(match[0]) if match else None


def _check_view(
    view: str,
    folder: Path,
    sources: _Stems,
    images: _Stems,
    problems: list[str],
    loose: list[Path],
) -> None:
    if not folder.exists():
        problems.append(f"{folder}: is missing; {_AGAIN}")
        return
    bare = bool(images) and all(path.stem == stem for stem, path in images.items())
    for stem in sources:
        if stem not in images:
            name = f"{stem}{'' if bare else SUFFIXES[view]}.png"
            problems.append(f"{folder / name}: is missing; {_AGAIN}")
    for stem, path in images.items():
        if stem not in sources:
            problems.append(f"{path}: has no combined view; remove it, or {_AGAIN}")
            loose.append(path)
