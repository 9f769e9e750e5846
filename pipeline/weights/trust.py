"""Which files of published weights are known to be the authors'."""

from __future__ import annotations

from pipeline.pins import Pins
from pipeline.weights.registry import all_weights


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
