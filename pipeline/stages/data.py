"""Data stage: images and their manifest."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.config.blocks import Canon, Clips, Synthetic
from pipeline.config.experiment import Experiment
from pipeline.data.inspection.survey import survey
from pipeline.data.manifest import ManifestRow, rows_of, write_manifest
from pipeline.data.synthetic.clips import synthesize_clips
from pipeline.data.synthetic.dataset import synthesize
from pipeline.errors import ConfigError, DataError
from pipeline.evaluation.protocol import check_bit_depth


def make_data(
    experiment: Experiment,
    root: Path,
    manifest: Path,
    workers: int,
    *,
    progress: bool,
    companion: bool = False,
) -> int:
    """Make the images (synthetic set) or take them as they are, and write their manifest.

    What is found out about real images is noted scene by scene in a journal beside the manifest:
    a killed run goes on where it was. The manifest appears only if nothing is wrong with the set.
    That of a companion set lists its training scenes only. These may have 8 bits: the protocol
    speaks of the images that methods are scored on.

    Args:
        experiment: says which data set.
        root: folder of the images; written for generated sets, only read for any other.
        manifest: file to write.
        workers: processes; the result doesn't depend on them.
        progress: whether a progress bar is shown.
        companion: the companion set of the experiment instead of its data set.

    Returns:
        Number of scenes.

    Raises:
        ConfigError: the experiment has no companion set, or a generated set is impossible.
        DataError: images are missing, damaged or of a wrong kind; they have too few bits for the
            protocol; no space left.
    """
    block = experiment.companion if companion else experiment.dataset
    if block is None:
        raise ConfigError("the experiment has no companion set; add `companion:` to its file")
    if isinstance(block, Synthetic):
        synthesize(block, experiment.seed, root, workers, progress)
    elif isinstance(block, Clips):
        synthesize_clips(block, experiment.seed, root, workers, progress)
    journal = manifest.with_name(f"{manifest.name}.journal")
    found = survey(
        root,
        official=isinstance(block, Canon),
        workers=workers,
        journal=journal,
        progress=progress,
    )
    rows = rows_of(root, found)
    if companion:
        rows = _training_rows(rows, root)
    else:
        check_bit_depth(experiment, rows[0].bit_depth, str(root))
    for note in found.inventory.notes:
        print(f"warning: {note}", file=sys.stderr)
    write_manifest(manifest, rows)
    journal.unlink(missing_ok=True)
    return len(rows)


def _training_rows(rows: list[ManifestRow], root: Path) -> list[ManifestRow]:
    training = [row for row in rows if row.split == "train"]
    if not training:
        raise DataError(f"{root}: holds no training scenes; a companion set needs a split `train`")
    return training
