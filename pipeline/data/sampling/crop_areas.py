"""Where training crops may lie: windows of the patch index, whole images, clips of images."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from pipeline.config.recipe import Batches, Recipe
from pipeline.data.inspection.clip_names import clip_of
from pipeline.data.sampling.windows import Window
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError


class Area(NamedTuple):
    """A rectangle of a stored scene, or of all the scenes of a clip, in order; in pixels."""

    scenes: tuple[int, ...]
    top: int
    left: int
    height: int
    width: int


def main_areas(store: PixelStore, windows: list[Window], recipe: Recipe) -> list[Area]:
    """Areas of the main batches: the windows, or the training images of the store.

    Raises:
        DataError: a crop does not fit, or there is no training scene.
    """
    crops = [("phases", phase.crop) for phase in recipe.phases]
    if recipe.crops_from == "images":
        areas = [_whole(store, (number,)) for number in store.of_split("train")]
        crops.append(("crop", _crop_of(recipe)))
    else:
        areas = [Area((w.scene,), w.top, w.left, w.size, w.size) for w in windows]
        # Windows smaller than the crop are taken whole, but a phase cannot be cut from them.
        crops = crops or [("crop", side_of(recipe, areas[0]))]
    _check_crops(store, areas, crops, recipe)
    return areas


def companion_areas(store: PixelStore | None, recipe: Recipe) -> list[Area]:
    """Areas of the companion's batches: its training images, or whole clips of them.

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
    _check_crops(store, areas, [("companion.crop", _crop_of(batches))], recipe)
    return areas


def clips_of(store: PixelStore) -> list[list[int]]:
    """Numbers of the training scenes, clip by clip, frames in order.

    An image without a hyphen in its name is a clip by itself.

    Raises:
        DataError: there is no training scene.
    """
    clips: dict[str, list[int]] = {}
    for number in store.of_split("train"):
        name = store.scenes[number].source
        clips.setdefault(clip_of(name) or name, []).append(number)
    return list(clips.values())


def side_of(batches: Batches, area: Area) -> int:
    """Side of the crops from an area; windows smaller than the recipe's crop are taken whole."""
    whole = min(area.height, area.width)
    return min(batches.crop or whole, whole)


def read_side(side: int, scale: float) -> int:
    """Side of what is read for a crop of this side of an image shrunk to `scale` of its size.

    The authors' program shrinks the whole image and crops what comes out. To shrink only what
    the crop shows differs in the grid of the area means, which starts at the crop, and in the
    factor: the side is a whole number, and at most half a pixel off.
    """
    return round(side / scale)


def _crop_of(batches: Batches) -> int:
    assert batches.crop is not None, "crops from images have a side"
    return batches.crop


def _whole(store: PixelStore, numbers: tuple[int, ...]) -> Area:
    scenes = [store.scenes[number] for number in numbers]
    height, width = min(s.height for s in scenes), min(s.width for s in scenes)
    return Area(numbers, 0, 0, height, width)


def _check_crops(
    store: PixelStore, areas: list[Area], crops: list[tuple[str, int]], recipe: Recipe
) -> None:
    """Make sure that crops, each with the name of its key in the recipe, fit every area."""
    least = recipe.downscale.scale[0] if recipe.downscale else 1.0
    for (name, crop), area in product(crops, areas):
        side = read_side(crop, least)
        if side <= min(area.height, area.width):
            continue
        source = store.scenes[area.scenes[0]].source
        shrunk = f", shrunk from {side} px at downscale.scale {least}," if side > crop else ""
        raise DataError(
            f"{store.folder}: the recipe's {name} of {crop} px{shrunk} does not fit into "
            f"{area.height} x {area.width} px of {source}; lower it or take larger ones"
        )
