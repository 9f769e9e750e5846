"""Where training crops may lie: windows of the patch index, whole pictures, clips of pictures."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.config import Batches, Recipe
from pipeline.data.clips import clips_of
from pipeline.data.patches import Window
from pipeline.data.pixels import PixelStore
from pipeline.data.steps import main_kinds
from pipeline.errors import DataError


class Area(NamedTuple):
    """A rectangle of a stored scene, or of all the scenes of a clip, in order; in pixels."""

    scenes: tuple[int, ...]
    top: int
    left: int
    height: int
    width: int


def main_areas(store: PixelStore, windows: list[Window], recipe: Recipe) -> list[Area]:
    """Areas of the main batches: the windows, or the training pictures of the store.

    Raises:
        DataError: a crop does not fit, or there is no training scene.
    """
    if recipe.crops_from == "images":
        areas = [_whole(store, (number,)) for number in store.of_split("train")]
    else:
        areas = [Area((w.scene,), w.top, w.left, w.size, w.size) for w in windows]
    for kind in main_kinds(recipe):
        _check_crops(store, areas, recipe, kind, "phases" if recipe.phases else "crop")
    return areas


def companion_areas(store: PixelStore | None, recipe: Recipe) -> list[Area]:
    """Areas of the companion's batches: its training pictures, or whole clips of them.

    Raises:
        DataError: the recipe has a companion but there is no store, a crop does not fit, a clip
            is too short, or there is no training scene.
    """
    batches = recipe.companion
    if batches is None:
        return []
    if store is None:
        raise DataError("the recipe has a companion, but the experiment names no companion set")
    if batches.frames == 1:
        areas = [_whole(store, (number,)) for number in store.of_split("train")]
    else:
        areas = [_whole(store, tuple(clip)) for clip in clips_of(store)]
    for area in areas:
        if len(area.scenes) < batches.frames:
            raise DataError(
                f"{store.folder}: the clip of {store.scenes[area.scenes[0]].source} has "
                f"{len(area.scenes)} frames, fewer than companion.frames: {batches.frames}; "
                "lower it or make longer clips"
            )
    _check_crops(store, areas, recipe, batches, "companion.crop")
    return areas


def side_of(batches: Batches, area: Area) -> int:
    """Side of the crops from an area; windows smaller than the recipe's crop are taken whole."""
    whole = min(area.height, area.width)
    return min(batches.crop or whole, whole)


def read_side(side: int, scale: float) -> int:
    """Side of what is read for a crop of this side of a picture shrunk to `scale` of its size.

    The authors' program shrinks the whole picture and crops what comes out. To shrink only what
    the crop shows differs in the grid of the area means, which starts at the crop, and in the
    factor: the side is a whole number, and at most half a pixel off.
    """
    return round(side / scale)


def _whole(store: PixelStore, numbers: tuple[int, ...]) -> Area:
    scenes = [store.scenes[number] for number in numbers]
    height, width = min(s.height for s in scenes), min(s.width for s in scenes)
    return Area(numbers, 0, 0, height, width)


def _check_crops(
    store: PixelStore, areas: list[Area], recipe: Recipe, batches: Batches, name: str
) -> None:
    windows = batches.crops_from == "windows"
    least = recipe.downscale.scale[0] if recipe.downscale else 1.0
    for area in areas:
        crop = batches.crop
        if crop is None or (windows and not recipe.phases):
            crop = side_of(batches, area)
        side = read_side(crop, least)
        if side <= min(area.height, area.width):
            continue
        smaller = f", taken from {side} px at downscale.scale {least}," if side > crop else ""
        scene = store.scenes[area.scenes[0]]
        what = "windows" if windows else "picture"
        raise DataError(
            f"{store.folder}: the recipe's {name} of {crop} px{smaller} does not fit the {what} of "
            f"{scene.source}, {area.height} x {area.width} px; lower it or take larger pictures"
        )
