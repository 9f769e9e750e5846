"""Data stage: images and their manifest."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Experiment, Synthetic
from pipeline.data.manifest import build_manifest, write_manifest
from pipeline.data.synthesize import synthesize


def make_data(
    experiment: Experiment, root: Path, manifest: Path, workers: int, *, progress: bool
) -> int:
    """Make the images (synthetic set) or take them as they are, and write their manifest.

    Args:
        experiment: says which data set.
        root: folder of the images; written for the synthetic set, only read for any other.
        manifest: file to write.
        workers: processes; the result doesn't depend on them.
        progress: whether a progress bar is shown.

    Returns:
        Number of scenes.

    Raises:
        DataError: images are missing, damaged or of a wrong kind; no space left.
    """
    if isinstance(experiment.dataset, Synthetic):
        synthesize(experiment.dataset, experiment.seed, root, workers, progress)
    rows = build_manifest(root)
    write_manifest(manifest, rows)
    return len(rows)
