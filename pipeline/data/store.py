"""Pixel store: all training and validation views in one memory-mapped uint16 file.

Decoding a 16-bit PNG takes far longer than reading its pixels, so they are decoded once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from pipeline.data.manifest import ManifestRow, read_manifest, read_scene
from pipeline.errors import DataError
from pipeline.files import atomic_folder, sha256_of

STORED_VIEWS = ("combined", "left", "right", "target")
STORED_SPLITS = ("train", "val")
_PIXELS = "pixels.u16"
_INDEX = "index.json"


@dataclass(frozen=True)
class StoredScene:
    """Where a scene lies: `offset` in uint16 elements, then `[4, height, width, 3]`."""

    split: str
    source: str
    offset: int
    height: int
    width: int


def build_store(root: Path, manifest: Path, target: Path, *, progress: bool = False) -> None:
    """Decode every training and validation view into `target`, verified against the manifest.

    Args:
        root: folder of the images.
        manifest: its manifest.
        target: folder to make, atomically: `pixels.u16` and `index.json`.
        progress: whether a progress bar is shown.

    Raises:
        DataError: an image is missing, damaged or not the one in the manifest; no space left.
    """
    rows = [row for row in read_manifest(manifest) if row.split in STORED_SPLITS]
    with atomic_folder(target) as folder:
        with (folder / _PIXELS).open("wb") as pixels:
            scenes, offset = [], 0
            for row in track(rows, "Storing pixels", disable=not progress):
                stack = _stack(root, row)
                pixels.write(stack.tobytes())
                scene = StoredScene(row.split, row.source, offset, row.height, row.width)
                scenes.append(vars(scene))
                offset += stack.size
        index = {
            "views": STORED_VIEWS,
            "manifest_sha256": sha256_of(manifest),
            "pixels_sha256": sha256_of(folder / _PIXELS),
            "elements": offset,
            "scenes": scenes,
        }
        (folder / _INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _stack(root: Path, row: ManifestRow) -> NDArray[np.uint16]:
    scene = read_scene(root, row)
    return np.stack([scene[view] for view in STORED_VIEWS]).astype("<u2", copy=False)


class PixelStore:
    """Read access to a pixel store.

    Args:
        folder: what `build_store` made.

    Raises:
        DataError: the folder is no store, or its pixel file has another length than its index
            says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = _read_index(folder / _INDEX)
        self.manifest_sha256 = str(index["manifest_sha256"])
        self.scenes = index["scenes"]
        path = folder / _PIXELS
        expected = 2 * int(index["elements"])
        if not path.is_file() or path.stat().st_size != expected:
            raise DataError(f"{path}: is not {expected} bytes long; delete {folder} and rebuild it")
        # A set of test scenes only makes an empty file, which cannot be mapped.
        self._pixels: NDArray[np.uint16] = (
            np.memmap(path, dtype="<u2", mode="r") if expected else np.empty(0, dtype="<u2")
        )

    def check_manifest(self, sha256: str) -> None:
        """Make sure that the store was built from the manifest with this hash.

        Raises:
            DataError: it was built from another one.
        """
        if sha256 != self.manifest_sha256:
            raise DataError(
                f"{self.folder}: was built from another manifest; delete it and rebuild it"
            )

    def of_split(self, split: str) -> list[int]:
        """Numbers of the scenes of `split`.

        Raises:
            DataError: there are none.
        """
        numbers = [number for number, scene in enumerate(self.scenes) if scene.split == split]
        if not numbers:
            raise DataError(
                f"{self.folder}: holds no scene of split {split!r}; add some to the set"
            )
        return numbers

    def read(
        self, number: int, window: tuple[int, int, int, int] | None = None
    ) -> dict[str, NDArray[np.uint16]]:
        """Views of one scene, or of a window of it.

        Args:
            number: position in `scenes`.
            window: top, left, height, width in pixels; the whole image when absent.

        Returns:
            `combined`, `left`, `right`, `target`: uint16 `[height, width, 3]`, RGB; read-only
            views of the mapped file.
        """
        scene = self.scenes[number]
        count = len(STORED_VIEWS) * scene.height * scene.width * 3
        flat = self._pixels[scene.offset : scene.offset + count]
        stack = flat.reshape(len(STORED_VIEWS), scene.height, scene.width, 3)
        if window is not None:
            top, left, height, width = window
            stack = stack[:, top : top + height, left : left + width]
        return dict(zip(STORED_VIEWS, stack, strict=True))


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads(path.read_bytes())
        scenes = [StoredScene(**scene) for scene in index["scenes"]]
        return {**{key: index[key] for key in ("manifest_sha256", "elements")}, "scenes": scenes}
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); build the store first"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: is no store index; delete {path.parent} and rebuild it"
        ) from error
