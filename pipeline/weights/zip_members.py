"""Check a zip archive of arrays before anything in it is unpacked."""

from __future__ import annotations

import os
from zipfile import ZipFile, ZipInfo

from pipeline.weights.arrays import MAX_ARRAYS, Unreadable, check_expansion

# PyTorch adds a few members of its own.
_MAX_MEMBERS = MAX_ARRAYS + 100


def checked_members(archive: ZipFile) -> dict[str, ZipInfo]:
    """The members of an archive by name.

    Raises:
        Unreadable: they are too many or too large, or two have the same name.
    """
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        raise Unreadable(f"holds {len(members)} members, more than any published network")
    assert archive.fp is not None
    check_expansion(sum(member.file_size for member in members), archive.fp.seek(0, os.SEEK_END))
    named = {member.filename: member for member in members}
    if len(named) < len(members):
        raise Unreadable("is damaged (two members of the same name)")
    return named
