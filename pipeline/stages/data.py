"""Data stage: makes or examines the images and writes their manifest."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.chain.steps import write_step
from pipeline.config.blocks import Canon, Clips, Synthetic
from pipeline.config.experiment import Experiment
from pipeline.data.inspection.survey import survey
from pipeline.data.manifest import ManifestRow, rows_of, write_manifest
from pipeline.data.synthetic.clips import synthesize_clips
from pipeline.data.synthetic.dataset import synthesize
from pipeline.errors import ConfigError, DataError
from pipeline.evaluation.protocol import check_bit_depth
from pipeline.files import atomic_file
from pipeline.keys import data_keys
from pipeline.pins import manifest_pins, pin_manifest, require_same
from pipeline.places import record_of


def make_data(
    experiment: Experiment,
    root: Path,
    manifest: Path,
    workers: int,
    *,
    progress: bool,
    companion: bool = False,
    pins: Path | None = None,
) -> int:
    """Generate the images, or examine existing ones, and write their manifest.

    Results of the examination are recorded scene by scene in a journal next to the manifest, from
    which a killed run resumes. The manifest is written only if the set has no problems. The
    manifest of a companion set lists only its training scenes. These may have 8 bits, because the
    protocol only concerns the images on which methods are scored. The manifest of the official
    Canon set is pinned when it is first made; another one is refused.

    Args:
        experiment: defines the data set.
        root: folder of the images; written for generated sets, otherwise only read.
        manifest: file to write.
        workers: number of processes; the result doesn't depend on it.
        progress: whether a progress bar is shown.
        companion: the companion set of the experiment instead of its data set.
        pins: the pins file of the experiment. Without it nothing is pinned, and nothing can be
            scored or trained on the official Canon set.

    Returns:
        Number of scenes.

    Raises:
        ConfigError: the experiment has no companion set, or a set that cannot be generated.
            The pins file is malformed.
        DataError: images are missing, damaged or of a wrong kind; they have too few bits for the
            protocol; the manifest is not the pinned one; the disk is full.
    """
    block = experiment.companion if companion else experiment.dataset
    if block is None:
        raise ConfigError("the experiment has no companion set; add `companion:` to its file")
    if isinstance(block, Synthetic):
        synthesize(block, experiment.seed, root, workers, progress)
    elif isinstance(block, Clips):
        synthesize_clips(block, experiment.seed, root, workers, progress)
    journal = manifest.with_name(f"{manifest.name}.journal")
    examined = survey(
        root,
        official=isinstance(block, Canon),
        workers=workers,
        journal=journal,
        progress=progress,
    )
    rows = rows_of(root, examined)
    if companion:
        rows = _training_rows(rows, root)
    else:
        check_bit_depth(experiment, rows[0].bit_depth, str(root))
    for note in examined.inventory.notes:
        print(f"warning: {note}", file=sys.stderr)
    with atomic_file(manifest) as temporary:
        write_manifest(temporary, rows)
        if isinstance(block, Canon) and pins is not None:
            found = manifest_pins(block.name, temporary)
            for name, sha256 in found.items():
                known = experiment.pins.manifest.get(name, sha256)
                require_same(manifest, block.name, sha256=sha256, pinned=known)
            for name, sha256 in found.items():
                known = pin_manifest(pins, name, sha256)
                require_same(manifest, block.name, sha256=sha256, pinned=known)
    write_step(
        record_of(manifest),
        "data",
        experiment=experiment,
        keys=data_keys(experiment, "companion" if companion else "dataset"),
        inputs={},
        outputs=[manifest],
    )
    journal.unlink(missing_ok=True)
    return len(rows)


def _training_rows(rows: list[ManifestRow], root: Path) -> list[ManifestRow]:
    training = [row for row in rows if row.split == "train"]
    if not training:
        raise DataError(f"{root}: holds no training scenes; a companion set needs a split `train`")
    return training
