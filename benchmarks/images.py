"""Data for benchmarks: enlarged, blurred photographs as a pixel store and as pre-cut patches."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from pipeline.data.bit_depth import to_uint16, unit_range
from pipeline.data.canon import CANON_SIZE
from pipeline.data.sampling.windows import Window
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

HEIGHT, WIDTH = CANON_SIZE
_PHOTOGRAPHS = (data.astronaut, data.coffee, data.chelsea, data.rocket)


def scene(number: int) -> dict[str, NDArray[np.uint16]]:
    """Views of a scene at the size of the Canon set: uint16 `[1120, 1680, 3]`, RGB.

    Cubic enlargement fills the lower bits, as a camera does: PNG compresses the views to 70 to
    75 %, and those of the Canon set to 70 %.
    """
    photograph = unit_range(_PHOTOGRAPHS[number % len(_PHOTOGRAPHS)](), np.float32)
    half = int(min(photograph.shape[0] / 2, photograph.shape[1] / 3))
    middle = [
        (side - count * half) // 2 for side, count in zip(photograph.shape[:2], (2, 3), strict=True)
    ]
    cut = photograph[middle[0] : middle[0] + 2 * half, middle[1] : middle[1] + 3 * half]
    if number // len(_PHOTOGRAPHS) % 2:
        cut = cut[:, ::-1]
    sharp = cv2.resize(np.ascontiguousarray(cut), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    left = cv2.GaussianBlur(sharp, (0, 0), 2 + number % 3)
    right = np.roll(left, 5, axis=1)
    views = {"combined": (left + right) / 2, "left": left, "right": right, "target": sharp}
    return {view: to_uint16(image) for view, image in views.items()}


def write_store(folder: Path, scenes: int) -> PixelStore:
    """Write a pixel store of `scenes` training scenes."""
    folder.mkdir()
    stored: list[StoredScene] = []
    with (folder / PIXELS).open("wb") as stream:
        for number in range(scenes):
            content = np.concatenate(list(tile_rows(scene(number)))).tobytes()
            offset = number * scene_elements(HEIGHT, WIDTH)
            checksum = hashlib.sha256(content).hexdigest()
            name = f"{number}.png"
            stored.append(StoredScene("train", name, offset, HEIGHT, WIDTH, checksum))
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


def write_patches(
    folder: Path, store: PixelStore, windows: list[Window], views: tuple[str, ...], threads: int
) -> list[Path]:
    """Write every window as one 16-bit PNG file per view.

    Returns:
        The paths of all files.
    """
    folder.mkdir()

    def write(job: tuple[int, Window]) -> list[Path]:
        number, window = job
        place = (window.top, window.left, window.size, window.size)
        paths = []
        for view, image in store.read(window.scene, place, views).items():
            paths.append(folder / f"{number:05d}_{view}.png")
            cv2.imwrite(str(paths[-1]), np.ascontiguousarray(image[:, :, ::-1]))
        return paths

    with ThreadPoolExecutor(threads) as pool:
        return [path for paths in pool.map(write, enumerate(windows)) for path in paths]
