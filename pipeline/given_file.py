"""The part of a result record that names given weights."""

from __future__ import annotations

from pipeline.record_base import Record


class GivenFile(Record):
    """A file of weights that a method was scored with instead of being trained.

    `file`: its path, as others may see it. `key`: which of several state dicts in it. Its checksum
    is the `weights_sha256` of the provenance.
    """

    file: str
    key: str | None = None
