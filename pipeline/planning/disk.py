"""Disk space that an experiment takes, compared with what is on disk already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.data.inspection.layout import SPLITS
from pipeline.planning.images import PIXEL_BYTES, Images
from pipeline.workflow.experiment import Workflow


@dataclass(frozen=True)
class DiskUse:
    """One folder or file: its size now, and its final size at most, in bytes."""

    what: str
    path: str
    present: int
    expected: int

    @property
    def missing(self) -> int:
        """Bytes still to be written."""
        return max(0, self.expected - self.present)


def disk_use(
    workflow: Workflow, images: Images, companion: Images | None, weights: int
) -> list[DiskUse]:
    """Disk that the experiment takes: images, stores, weights, sample images.

    Images are counted as if uncompressed, an upper bound.

    Args:
        workflow: gives the folders.
        images: scenes of the data set.
        companion: scenes of the companion set, if anything is trained on it.
        weights: bytes of all weights that will be written.
    """
    dataset, second = workflow.experiment.dataset, workflow.experiment.companion
    shown = workflow.experiment.sample_images * len(workflow.named_runs(workflow.all_methods))
    # Input, prediction and target side by side, 8 bits.
    samples = shown * 3 * images.largest * PIXEL_BYTES // 2
    uses = _set_uses(workflow, dataset.name, images)
    if dataset.kind == "canon" and not images.counted:
        uses.insert(0, DiskUse("archive, if kept", "", 0, images.raw_bytes(*SPLITS)))
    if companion is not None and second is not None:
        uses += _set_uses(workflow, second.name, companion, "companion ")
    trained = size_of(workflow.places.runs) + weights
    if not workflow.experiment.trains:
        uses = [use for use in uses if not use.what.endswith(("archive, if kept", "pixel store"))]
    return [
        *uses,
        _use("weights", str(workflow.places.runs), trained),
        _use("sample images", str(workflow.places.results), samples),
    ]


def _set_uses(workflow: Workflow, dataset: str, images: Images, what: str = "") -> list[DiskUse]:
    raw = workflow.raw_of(dataset)
    there = size_of(Path(raw))
    splits = SPLITS if workflow.experiment.trains else ("test",)
    expected = there if images.counted else images.raw_bytes(*splits)
    stored = images.raw_bytes("train", "val")
    return [
        DiskUse(f"{what}images", raw, there, expected),
        _use(f"{what}pixel store", f"data/{dataset}/store", stored),
    ]


def _use(what: str, path: str, expected: int) -> DiskUse:
    return DiskUse(what, path, size_of(Path(path)), expected)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, hard links counted once; 0 if it does not exist."""
    states = (path.stat() for path in folder.rglob("*") if path.is_file())
    return sum({(state.st_dev, state.st_ino): state.st_size for state in states}.values())
