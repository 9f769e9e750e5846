"""Data for benchmarks: enlarged, blurred photographs as a pixel store and as pre-cut patches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from pipeline.data.canon import CANON_SIZE
from pipeline.data.sampling.windows import Window
from pipeline.data.store.reader import PixelStore
from pipeline.gpu_check.photographs import write_photographs


def write_store(folder: Path, scenes: int) -> PixelStore:
    """Write a pixel store of `scenes` training scenes of the size of the Canon set."""
    return write_photographs(folder, scenes, CANON_SIZE)


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
