"""Data stage: images and their manifest."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.config import Canon, Experiment, Synthetic
from pipeline.data.manifest import rows_of, write_manifest
from pipeline.data.survey import survey
from pipeline.data.synthesize import synthesize
from pipeline.evaluation.protocol import check_bit_depth


def make_data(
    experiment: Experiment, root: Path, manifest: Path, workers: int, *, progress: bool
) -> int:
    """Make the images (synthetic set) or take them as they are, and write their manifest.

    What is found out about real images is noted scene by scene in a journal beside the manifest:
    a killed run goes on where it was. The manifest appears only if nothing is wrong with the set.

    Args:
        experiment: says which data set.
        root: folder of the images; written for the synthetic set, only read for any other.
        manifest: file to write.
        workers: processes; the result doesn't depend on them.
        progress: whether a progress bar is shown.

    Returns:
        Number of scenes.

    Raises:
        DataError: images are missing, damaged or of a wrong kind; they have too few bits for the
            protocol; no space left.
    """
    if isinstance(experiment.dataset, Synthetic):
        synthesize(experiment.dataset, experiment.seed, root, workers, progress)
    journal = manifest.with_name(f"{manifest.name}.journal")
    found = survey(
        root,
        official=isinstance(experiment.dataset, Canon),
        workers=workers,
        journal=journal,
        progress=progress,
    )
    rows = rows_of(root, found)
    check_bit_depth(experiment, rows[0].bit_depth, str(root))
    for note in found.inventory.notes:
        print(f"warning: {note}", file=sys.stderr)
    write_manifest(manifest, rows)
    journal.unlink(missing_ok=True)
    return len(rows)
