"""Enlarged, blurred photographs as a pixel store: scenes of any size without a data set."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from pipeline.data.bit_depth import to_uint16, unit_range
from pipeline.data.store.reader import (
    FORMAT,
    INDEX,
    PIXELS,
    STORED_VIEWS,
    PixelStore,
    StoredScene,
    sha256_of_scenes,
)
from pipeline.data.store.tiles import scene_elements, tile_rows

_PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")


def photograph_views(number: int, size: tuple[int, int]) -> dict[str, NDArray[np.uint16]]:
    """Views of scene `number`: uint16 `[height, width, 3]`, RGB, for a `size` of that form.

    Cubic enlargement fills the lower bits, as a camera does: PNG compresses the views to 70 to
    75 %, and those of the Canon set to 70 %.
    """
    bundled = getattr(data, _PHOTOGRAPHS[number % len(_PHOTOGRAPHS)])()
    photograph = unit_range(bundled, np.float32)
    half = int(min(photograph.shape[0] / 2, photograph.shape[1] / 3))
    middle = [
        (side - count * half) // 2 for side, count in zip(photograph.shape[:2], (2, 3), strict=True)
    ]
    cut = photograph[middle[0] : middle[0] + 2 * half, middle[1] : middle[1] + 3 * half]
    if number // len(_PHOTOGRAPHS) % 2:
        cut = cut[:, ::-1]
    sharp = cv2.resize(np.ascontiguousarray(cut), size[::-1], interpolation=cv2.INTER_CUBIC)
    left = cv2.GaussianBlur(sharp, (0, 0), 2 + number % 3)
    right = np.roll(left, 5, axis=1)
    views = {"combined": (left + right) / 2, "left": left, "right": right, "target": sharp}
    return {view: to_uint16(image) for view, image in views.items()}


def write_photographs(folder: Path, scenes: int, size: tuple[int, int]) -> PixelStore:
    """Write a pixel store of `scenes` training scenes into a new folder.

    Args:
        folder: to make.
        scenes: their number.
        size: height and width in pixels.
    """
    folder.mkdir()
    stored: list[StoredScene] = []
    with (folder / PIXELS).open("wb") as stream:
        for number in range(scenes):
            content = np.concatenate(list(tile_rows(photograph_views(number, size)))).tobytes()
            checksum = hashlib.sha256(content).hexdigest()
            offset = number * scene_elements(*size)
            stored.append(StoredScene("train", f"{number}.png", offset, *size, checksum))
            stream.write(content)
    index = {
        "format": FORMAT,
        "views": STORED_VIEWS,
        # There is no manifest; the format wants a checksum.
        "manifest_sha256": hashlib.sha256().hexdigest(),
        "sha256": sha256_of_scenes(stored),
        "scenes": [vars(stored_scene) for stored_scene in stored],
    }
    (folder / INDEX).write_text(json.dumps(index))
    return PixelStore(folder)
