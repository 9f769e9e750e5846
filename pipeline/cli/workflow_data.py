"""The data of a training: where the workflow keeps them, and how to make what is missing."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.app import DEFAULT_CONFIG

if TYPE_CHECKING:
    from pipeline.run import Run


@dataclass(frozen=True)
class WorkflowData:
    """Pixel store and patch index of a data set, and the store of the companion set, if needed."""

    store: Path
    patches: Path
    companion: Path | None


def workflow_data(
    run: Run,
    config: Path,
    *,
    store: Path | None,
    patches: Path | None,
    companion: Path | None = None,
) -> WorkflowData:
    """Where the data of a run are: those that are given, otherwise the workflow's.

    Args:
        run: what is trained.
        config: its experiment file.
        store, patches, companion: given paths.

    Raises:
        DataError: files of the workflow are missing; the message has the command that makes them.
    """
    from pipeline.data.store.reader import INDEX
    from pipeline.errors import DataError
    from pipeline.places import Places

    places, block = Places.of(run.experiment), run.experiment.companion
    own = places.store_of(places.dataset)
    wanted = {own / INDEX: store, places.patches: patches}
    if run.needs_companion and companion is None and block is not None:
        companion = places.store_of(block.name)
        wanted[companion / INDEX] = None
    missing = [path for path, given in wanted.items() if given is None and not path.exists()]
    if missing:
        command = ["dmtbench", "run", *map(str, missing)]
        command += ["--config", str(config)] if config != DEFAULT_CONFIG else []
        raise DataError(f"{missing[0]}: is missing; make it with `{shlex.join(command)}`")
    return WorkflowData(store or own, patches or places.patches, companion)
