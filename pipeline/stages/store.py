"""Store and patches stages: pixels and windows of a data set, each with its step record."""

from __future__ import annotations

from pathlib import Path

from pipeline.chain.steps import write_step
from pipeline.config.experiment import Experiment
from pipeline.data.sampling.patch_index import write_patch_index
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import INDEX, PixelStore
from pipeline.keys import patches_keys, store_keys
from pipeline.places import record_of


def make_store(root: Path, manifest: Path, target: Path, workers: int, *, progress: bool) -> None:
    """Build the pixel store of a manifest, see `build_store`, and write its step record.

    Raises:
        DataError: as `build_store`.
    """
    build_store(root, manifest, target, workers, progress=progress)
    write_step(
        record_of(target),
        "store",
        experiment=None,
        keys=store_keys(),
        inputs={"manifest": manifest},
        outputs=[target / INDEX],
    )


def make_patches(
    experiment: Experiment, store: Path, target: Path, workers: int, *, progress: bool
) -> int:
    """Write the patch index of a store, see `write_patch_index`, and its step record.

    Returns:
        How many windows are kept.

    Raises:
        DataError: as `write_patch_index`.
    """
    count = write_patch_index(
        PixelStore(store), experiment.patches, target, workers, progress=progress
    )
    write_step(
        record_of(target),
        "patches",
        experiment=experiment,
        keys=patches_keys(experiment),
        inputs={"store": store / INDEX},
        outputs=[target],
    )
    return count
