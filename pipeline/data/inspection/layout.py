"""Where the images of a data set lie: recognizes the layouts of its mirrors.

- official: `{train,val,test}_{c,l,r}/source` for the combined, left and right views and
  `*_c/target` for the sharp images (A. Abuolaim, M. S. Brown, "Defocus Deblurring Using
  Dual-Pixel Data", ECCV 2020); in `dd_dp_dataset_canon`, `dd_dp_dataset_png`, `DPDD`, or
  `dd_dp_dataset_pixel`, which has no sharp images. The synthetic set has this layout too.
- restormer: `{train,val,test}/{inputC,inputL,inputR,target}`.
- flat: `test_{c,l,r}` with the images directly inside (the Pixel 4 set of IFAN).

Nothing else in the project knows folders: later stages find every image through the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.errors import DataError

VIEWS = ("combined", "left", "right", "target")
"""Keys of a scene, in the order of the manifest's columns."""

SPLITS = ("train", "val", "test")
MAX_DEPTH = 3
"""How many folders deep below the root a set may lie."""

LayoutName = Literal["official", "restormer", "flat"]

_LETTERS = {"combined": "c", "left": "l", "right": "r"}
_INPUTS = {"combined": "inputC", "left": "inputL", "right": "inputR"}
# The training code of Restormer keeps each split in a folder of this name.
_INNER = "DPDD"
_FOREIGN = "__MACOSX"


class Location(NamedTuple):
    """A recognized set: its layout and the folder that its split folders lie in."""

    layout: LayoutName
    folder: Path


def locate(root: Path) -> Location:
    """Find the one set that lies in `root` or up to `MAX_DEPTH` folders below it.

    Raises:
        DataError: there is none, or more than one.
        OSError: a folder cannot be read.
    """
    found = list(_search(root, 0, set()))
    if not found:
        inside = any((root / name).is_dir() for name in ("source", *_INPUTS.values()))
        remedy = f"use {root.parent}" if inside else "check the root of the data set"
        raise DataError(
            f"{root}: no folder train_c, val_c or test_c, and no train/inputC, val/inputC or "
            f"test/inputC, up to {MAX_DEPTH} folders deep; {remedy}"
        )
    if len(found) > 1:
        listed = ", ".join(f"{place.folder} ({place.layout})" for place in found)
        raise DataError(f"{root}: more than one data set ({listed}); name one of these folders")
    return found[0]


def splits_of(place: Location) -> list[str]:
    """The splits of which any folder exists, in the order of `SPLITS`."""
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


def is_image(path: Path) -> bool:
    """Whether a file bears an image's name; archives made on macOS hold hidden `._*.png`."""
    return path.suffix.lower() == ".png" and not path.name.startswith(".")


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
    images = any(is_image(path) for name in splits for path in (folder / name).iterdir())
    return "flat" if images else "official"


def _restormer_split(folder: Path) -> Path | None:
    for inner in (folder, folder / _INNER):
        if any((inner / name).is_dir() for name in _INPUTS.values()):
            return inner
    return None
