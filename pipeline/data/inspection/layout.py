"""Folder layouts of a data set and its mirrors: recognizes them and names their folders.

- official: `{train,val,test}_{c,l,r}/source` for the combined, left and right views and
  `*_c/target` for the sharp images (A. Abuolaim, M. S. Brown, "Defocus Deblurring Using
  Dual-Pixel Data", ECCV 2020); in `dd_dp_dataset_canon`, `dd_dp_dataset_png`, `DPDD`, or
  `dd_dp_dataset_pixel`, which has no sharp images. The generated sets have this layout too.
- restormer: `{train,val,test}/{inputC,inputL,inputR,target}`.
- flat: `test_{c,l,r}` that directly contain the images (the Pixel 4 set of IFAN).

Nothing else in the pipeline knows these folders: generated sets are written to `official_paths`,
and later stages find every image through the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.errors import DataError

VIEWS = ("combined", "left", "right", "target")
"""The images of a scene, in the order of the manifest's columns."""

SPLITS = ("train", "val", "test")
MAX_DEPTH = 3
"""Maximum depth of a set below the root, in folders."""

SUFFIXES = {"combined": "", "left": "_L", "right": "_R"}
"""What the official names append to the name of the scene's source, by view."""

LayoutName = Literal["official", "restormer", "flat"]

OTHER_FORMATS = (
    *(".tif", ".tiff", ".jpg", ".jpeg", ".jp2", ".bmp", ".webp", ".gif", ".exr", ".ppm", ".npy"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw"),
)
"""Endings of files that are images, but not read."""

_LETTERS = {"combined": "c", "left": "l", "right": "r"}
_INPUTS = {"combined": "inputC", "left": "inputL", "right": "inputR"}
# Restormer's training code expects a folder of this name inside each split.
_INNER = "DPDD"
_FOREIGN = "__MACOSX"


class Location(NamedTuple):
    """A recognized set: its layout and the folder that contains its split folders."""

    layout: LayoutName
    folder: Path


def locate(root: Path) -> Location:
    """Find the only set in `root` or up to `MAX_DEPTH` folders below it.

    Raises:
        DataError: there is none, or more than one.
        OSError: a folder cannot be read.
    """
    places = list(_search(root, 0, set()))
    if not places:
        inside = any((root / name).is_dir() for name in ("source", *_INPUTS.values()))
        remedy = f"use {root.parent}" if inside else "check the root of the data set"
        raise DataError(
            f"{root}: no folder train_c, val_c or test_c, and no train/inputC, val/inputC or "
            f"test/inputC, up to {MAX_DEPTH} folders deep; {remedy}"
        )
    if len(places) > 1:
        listed = ", ".join(f"{place.folder} ({place.layout})" for place in places)
        raise DataError(f"{root}: more than one data set ({listed}); name one of these folders")
    return places[0]


def splits_of(place: Location) -> list[str]:
    """The splits that have at least one folder, in the order of `SPLITS`."""
    return [
        split
        for split in SPLITS
        if any(folder.exists() for folder in image_folders(place, split).values())
    ]


def image_folders(place: Location, split: str) -> dict[str, Path]:
    """The folder of each view of a split; it need not exist."""
    if place.layout == "restormer":
        inner = _restormer_split(place.folder / split) or place.folder / split
        return {view: inner / name for view, name in {**_INPUTS, "target": "target"}.items()}
    tops = {view: place.folder / f"{split}_{letter}" for view, letter in _LETTERS.items()}
    inner_name = "" if place.layout == "flat" else "source"
    sources = {view: top / inner_name for view, top in tops.items()}
    return {**sources, "target": tops["combined"] / "target"}


def official_paths(root: Path, split: str, source: str, target: str) -> dict[str, Path]:
    """Path of each image of a scene in the official layout.

    Args:
        root: the folder of the set.
        split: train, val or test.
        source: name of the scene's views, without suffix and extension.
        target: name of the sharp image, without extension.

    >>> paths = official_paths(Path("set"), "train", "1P0A0890", "1P0A0891")
    >>> [path.as_posix() for path in paths.values()]  # doctest: +NORMALIZE_WHITESPACE
    ['set/train_c/source/1P0A0890.png', 'set/train_l/source/1P0A0890_L.png',
     'set/train_r/source/1P0A0890_R.png', 'set/train_c/target/1P0A0891.png']
    """
    folders = image_folders(Location("official", root), split)
    names = {view: f"{source}{suffix}.png" for view, suffix in SUFFIXES.items()}
    names["target"] = f"{target}.png"
    return {view: folders[view] / name for view, name in names.items()}


def is_image(path: Path) -> bool:
    """Whether a file has the name of an image; archives made on macOS contain hidden `._*.png`."""
    return path.suffix.lower() == ".png" and not path.name.startswith(".")


def other_images(folder: Path) -> list[Path]:
    """Images of other formats in a folder that holds no PNG file."""
    paths = [*folder.iterdir()] if folder.is_dir() else []
    if any(is_image(path) for path in paths):
        return []
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in OTHER_FORMATS and not path.name.startswith(".")
    )


def _search(folder: Path, depth: int, seen: set[Path]) -> Iterator[Location]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    names = _subfolders(folder)
    splits = {f"{split}_{letter}" for split in SPLITS for letter in _LETTERS.values()} & set(names)
    if splits:
        yield Location(_official_or_flat(folder, splits), folder)
    inputs = {name for name in SPLITS if name in names and _restormer_split(folder / name)}
    if inputs:
        yield Location("restormer", folder)
    if depth < MAX_DEPTH:
        for name in names:
            if name not in splits | inputs:
                yield from _search(folder / name, depth + 1, seen)


def _subfolders(folder: Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name != _FOREIGN
    )


def _official_or_flat(folder: Path, splits: set[str]) -> LayoutName:
    if any((folder / name / inner).exists() for name in splits for inner in ("source", "target")):
        return "official"
    images = any(
        is_image(path) or path.suffix.lower() in OTHER_FORMATS
        for name in splits
        for path in (folder / name).iterdir()
    )
    return "flat" if images else "official"


def _restormer_split(folder: Path) -> Path | None:
    for inner in (folder, folder / _INNER):
        if any((inner / name).is_dir() for name in _INPUTS.values()):
            return inner
    return None
