"""What an experiment takes on disk, beside what is there already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.planning.pictures import PIXEL_BYTES, Pictures
from pipeline.workflow import Workflow


@dataclass(frozen=True)
class DiskUse:
    """One folder or file: bytes that it has now, and bytes that it will have at most."""

    what: str
    path: str
    present: int
    expected: int

    @property
    def missing(self) -> int:
        """Bytes still to be written."""
        return max(0, self.expected - self.present)


def disk_use(workflow: Workflow, pictures: Pictures, weights: int) -> list[DiskUse]:
    """Disk that the experiment takes: images, store, weights, sample pictures.

    Images are counted as if uncompressed, which is what they never exceed.

    Args:
        workflow: names the folders.
        pictures: scenes of the data set.
        weights: bytes of all weights that a run will write.
    """
    splits = ("train", "val", "test")
    raw, store = pictures.raw_bytes(*splits), pictures.raw_bytes("train", "val")
    shown = workflow.experiment.sample_images * len(workflow.named_runs(workflow.all_methods))
    largest = max((height * width for _, height, width in pictures.scenes), default=0)
    # Input, prediction and target side by side, 8 bits.
    samples = shown * 3 * largest * PIXEL_BYTES // 2
    there = size_of(Path(workflow.raw))
    uses = [DiskUse("images", workflow.raw, there, there if pictures.counted else raw)]
    if workflow.experiment.dataset.kind == "canon" and not pictures.counted:
        uses.insert(0, DiskUse("archive, if kept", "", 0, raw))
    written = (
        ("pixel store", f"{workflow.data}/store", store),
        ("weights", workflow.runs, size_of(Path(workflow.runs)) + weights),
        ("sample pictures", workflow.results, samples),
    )
    return [
        *uses,
        *(DiskUse(what, path, size_of(Path(path)), size) for what, path, size in written),
    ]


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; 0 if it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
