"""The files of weights that an experiment names: where they are, and what to do about missing ones.

`official` stands for the file that the registry of published weights lists, in the folder where
`dmtbench weights fetch` puts it.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.config.experiment import Experiment
from pipeline.run import WeightsOrigin
from pipeline.weights.registry import published_weights

FOLDER = Path("weights")
"""Fetched weights lie in a folder for each method below it."""


def official_files(method: str) -> list[Path]:
    """Where published weights of a method may lie, in the order of the registry.

    Raises:
        ConfigError: the registry does not have the method.
        WeightsError: its authors published no weights.

    >>> [path.as_posix() for path in official_files("ifan")]
    ['weights/ifan/IFAN_dual.pytorch']
    """
    return [
        FOLDER / method / (source.member or archive.name)
        for source in published_weights(method).sources
        for archive in source.archives
    ]


def requested_weights(experiment: Experiment, method: str) -> WeightsOrigin:
    """The weights that the experiment names for a method; of several files, the first that exists.

    The file may be missing: see `missing_weights`.
    """
    given = experiment.weights[method]
    files = official_files(method) if given.official else [Path(given.file)]
    there = next((path for path in files if path.is_file()), files[0])
    return WeightsOrigin(official=there, key=given.key)


def missing_weights(experiment: Experiment, method: str) -> str | None:
    """What to do about weights that the experiment names and that are not there, in one line.

    Returns:
        `None` if the file is there.
    """
    file = requested_weights(experiment, method).official
    if file is None or file.exists():
        return None
    if not experiment.weights[method].official:
        return f"no weights of {method} at {file}; put the file there"
    published = published_weights(method)
    if published.automatic:
        remedy = f"`dmtbench weights fetch {method}` brings them there"
    else:
        remedy = published.manual(method)
    return f"no weights of {method} at {file}; {remedy}"
