"""Small sets of noise images, in every layout that mirrors of the Canon set use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.inspection.official_split import official_targets
from pipeline.data.png import write_png16

Capture = tuple[str, int, int]
"""Split and capture numbers of source and target."""

# Train, val, and one outdoor and one indoor test scene of the Canon set.
SCENES: tuple[Capture, ...] = (
    *(("train", 890, 891), ("train", 911, 910), ("val", 2027, 2029)),
    *(("test", 917, 916), ("test", 1434, 1435)),
)
VIEWS = ("combined", "left", "right", "target")
LETTERS = {"combined": "c", "left": "l", "right": "r"}


def official_scenes() -> list[Capture]:
    """The 500 scenes of the official list."""
    return [
        (split, int(source[4:8]), int(target[4:8]))
        for (split, source), target in official_targets().items()
    ]


def random_image(number: int, view: str, size: tuple[int, int] = (6, 8)) -> NDArray[np.uint16]:
    """Noise that no other number and view has."""
    seed = 10 * number + VIEWS.index(view)
    return np.random.default_rng(seed).integers(0, 65536, (*size, 3)).astype(np.uint16)


def write_image(path: Path, image: NDArray[np.uint16], depth: int = 16) -> None:
    if depth == 16:
        write_png16(path, image)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", (image >> 8).astype(np.uint8)[..., ::-1])[1].tobytes())


def write_set(
    root: Path,
    scenes: Iterable[Capture] = SCENES,
    layout: str = "official",
    *,
    size: tuple[int, int] = (6, 8),
    depth: int = 16,
    suffixes: bool = True,
    truth: bool = True,
    renamed: bool = False,
    ending: str = ".png",
) -> Path:
    """Write a set; `renamed` gives targets the names of their sources. Returns `root`."""
    for split, source, target in scenes:
        for view in VIEWS[: 4 if truth else 3]:
            number = target if view == "target" and not renamed else source
            suffix = {"left": "_L", "right": "_R"}.get(view, "") if suffixes else ""
            name = f"1P0A{number:04d}{suffix}{ending}"
            path = root / folder_of(layout, split, view) / name
            write_image(path, random_image(source, view, size), depth)
    return root


def folder_of(layout: str, split: str, view: str) -> str:
    """Folder of a view, relative to the root; layouts as in `pipeline.data.inspection.layout`."""
    if layout.startswith("restormer"):
        inner = "/DPDD" if layout == "restormer-inner" else ""
        name = "target" if view == "target" else f"input{LETTERS[view].upper()}"
        return f"{split}{inner}/{name}"
    if view == "target":
        return f"{split}_c/target"
    return f"{split}_{LETTERS[view]}" + ("" if layout == "flat" else "/source")
