"""The folder of a result, from what a user calls it."""

from __future__ import annotations

from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE
from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError
from pipeline.places import Places


def result_folder(experiment: Experiment, name: str) -> Path:
    """The folder of the result that a name or a folder stands for.

    Args:
        experiment: its data set has the results that names such as `dmtnet-b-seed0` stand for.
        name: a name, or a folder of results or of runs.

    Raises:
        ConfigError: there is none.
    """
    places, path = Places.of(experiment), Path(name)
    # `runs/<set>/<run>` has its result in `results/<set>/<run>`.
    of_run = places.results.parent / path.parent.name / path.name
    for folder in (path, places.results / name, of_run):
        if (folder / PER_IMAGE_FILE).is_file():
            return folder
    known = sorted(file.parent.name for file in places.results.glob(f"*/{PER_IMAGE_FILE}"))
    listed = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
    raise ConfigError(
        f"{name}: no result; name a folder below results/, or one of {listed or 'none yet'}"
    )
