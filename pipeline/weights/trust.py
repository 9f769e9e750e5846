"""Which files of published weights are known to be the authors'."""

from __future__ import annotations

from pipeline.pins import Pins
from pipeline.records import Label
from pipeline.run import Run
from pipeline.weights.registry import all_weights

OFFICIAL: Label = "official weights"
GIVEN: Label = "given weights"


def known_source(method: str, sha256: str, pins: Pins) -> str | None:
    """Where a file of weights came from; `None` if nobody vouches for it.

    Parameter names and shapes prove nothing: anyone can save a network under the authors' names.

    Args:
        method: the weights are those of this method.
        sha256: of the file.
        pins: of the experiment.
    """
    pinned = pins.trusted(method, sha256)
    if pinned is not None:
        return pinned.source
    entry = all_weights().get(method)
    for source in entry.sources if entry else ():
        # With a member, the checksum is that of the archive around the file.
        if not source.member and any(archive.sha256 == sha256 for archive in source.archives):
            return source.name
    return None


def label_of_weights(run: Run, sha256: str) -> Label:
    """The label of what a method makes with a file of weights, by what is known of the file.

    Args:
        run: the method, and the pins of its experiment.
        sha256: of the file.
    """
    if run.method.surrogate is not None:
        return "surrogate"
    known = known_source(run.method.name, sha256, run.experiment.pins)
    return GIVEN if known is None else OFFICIAL
