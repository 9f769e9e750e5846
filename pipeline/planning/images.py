"""Number and size of the images of an experiment, known before any of them exists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.blocks import Canon, Clips, Folder, Patches, Synthetic
from pipeline.data.canon import CANON_SCENES, CANON_SIZE
from pipeline.data.sampling.sharpness import discarded
from pipeline.data.sampling.windows import image_windows
from pipeline.errors import DataError

VIEWS = 4
"""Images per scene."""

PIXEL_BYTES = 6
"""Bytes per pixel of an uncompressed 16-bit RGB image."""


@dataclass(frozen=True)
class Images:
    """Number of scenes by split, height and width in pixels.

    `known_from`: where the numbers come from. `counted`: whether the images exist, in a manifest.
    """

    scenes: Counter[tuple[str, int, int]]
    known_from: str
    counted: bool

    def raw_bytes(self, *splits: str) -> int:
        """Bytes of all four views of these splits, uncompressed."""
        return VIEWS * PIXEL_BYTES * self.pixels(*splits)

    def pixels(self, *splits: str) -> int:
        """Pixels of all scenes of these splits, of one view each."""
        return sum(
            number * height * width
            for (name, height, width), number in self.scenes.items()
            if name in splits
        )

    @property
    def largest(self) -> int:
        """Pixels of the largest scene; 0 if there is none."""
        return max((height * width for _, height, width in self.scenes), default=0)

    def windows(self, patches: Patches) -> int:
        """Number of training windows that are kept."""
        total = 0
        for (split, height, width), number in self.scenes.items():
            if split == "train":
                windows = len(image_windows(height, width, patches))
                total += number * (windows - discarded(windows, patches.discard))
        return total


def images_of(dataset: Synthetic | Canon | Clips | Folder, manifest: Path) -> Images:
    """Counts from the manifest if it exists, otherwise what is known of the set without it.

    Raises:
        DataError: the manifest is damaged, or nothing is known of the set without it.
    """
    if manifest.exists():
        # It loads OpenCV, which takes longer than all else that a dry run without data needs.
        from pipeline.data.manifest import read_manifest

        rows: Counter[tuple[str, int, int]] = Counter(
            (row.split, row.height, row.width) for row in read_manifest(manifest)
        )
        return Images(rows, str(manifest), counted=True)
    if isinstance(dataset, Synthetic):
        parts = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
        counts = {
            split: part.leaves + len(part.photographs) + part.stereo
            for split, part in parts.items()
        }
        return Images(_equal(counts, dataset.size), "the configuration", counted=False)
    if isinstance(dataset, Clips):
        frames = {"train": dataset.clips * dataset.frames}
        return Images(_equal(frames, dataset.size), "the configuration", counted=False)
    if isinstance(dataset, Canon):
        return canon_images()
    raise DataError(f"{manifest}: does not exist yet; make it first: dmtbench run {manifest}")


def canon_images() -> Images:
    """Canon's images as they were published."""
    known_from = "the published counts (an estimate)"
    return Images(_equal(CANON_SCENES, CANON_SIZE), known_from, counted=False)


def _equal(counts: dict[str, int], size: tuple[int, int]) -> Counter[tuple[str, int, int]]:
    return Counter({(split, *size): number for split, number in counts.items()})
