"""Sliding-window patches as an index into whole images."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.config.blocks import Patches
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError


class Window(NamedTuple):
    """A square window of a stored scene: scene number, top, left and side in pixels."""

    scene: int
    top: int
    left: int
    size: int


def window_offsets(length: int, size: int, overlap: float) -> list[int]:
    """Offsets of the windows along one side (paper 4.1; DPDNet's edge rule).

    The stride is `int((1 - overlap) * size)`; where a window would leave the image, one flush
    with the edge is added. 512 at 60 % overlap on 1120x1680 gives 4 x 7 = 28 windows.

    Raises:
        DataError: the window is larger than the image.
    """
    if size > length:
        raise DataError(f"a window of {size} px does not fit an image side of {length} px")
    stride = max(1, int((1 - overlap) * size))
    offsets = list(range(0, length - size + 1, stride))
    if offsets[-1] != length - size:
        offsets.append(length - size)
    return offsets


def image_windows(height: int, width: int, patches: Patches) -> list[tuple[int, int]]:
    """Top and left of the windows of an image, in the order of DPDNet's code.

    Row by row, but the window in the last corner comes right after the first row.

    Raises:
        DataError: a window does not fit.
    """
    tops = window_offsets(height, patches.size, patches.overlap)
    lefts = window_offsets(width, patches.size, patches.overlap)
    places = [(top, left) for top in tops for left in lefts]
    if len(tops) > 1:
        places.insert(len(lefts), places.pop())
    return places


def index_windows(store: PixelStore, patches: Patches) -> list[Window]:
    """All windows of the training split, scene by scene, before any is left out.

    Raises:
        DataError: a window does not fit, or there is no training scene.
    """
    return [
        Window(number, *place, patches.size)
        for number in store.of_split("train")
        for place in image_windows(store.scenes[number].height, store.scenes[number].width, patches)
    ]
