"""A journal of finished items, from which a killed job resumes."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any


class Journal:
    """A header that identifies the work, then one line of checksum and JSON per finished item.

    A journal with another header is discarded. Entries are read up to the first line that is
    truncated or damaged; it and everything after it are dropped.

    Args:
        path: the file.
        header: JSON-serializable; equal headers mean the same work.

    Raises:
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: Path, header: Any) -> None:
        self.path = path
        self.entries: list[Any] = []
        first = json.dumps(header, sort_keys=True).encode() + b"\n"
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if lines[:1] != [first]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(first)
            return
        length = len(first)
        for line in lines[1:]:
            checksum, _, text = line.partition(b" ")
            if not line.endswith(b"\n") or checksum != _checksum(text):
                break
            try:
                self.entries.append(json.loads(text))
            # Damage may have the right checksum.
            except (ValueError, RecursionError):
                break
            length += len(line)
        os.truncate(path, length)

    def add(self, entry: Any) -> None:
        """Record a finished item, whose results must already be on disk."""
        with self.path.open("ab") as stream:
            text = json.dumps(entry).encode() + b"\n"
            stream.write(_checksum(text) + b" " + text)
            stream.flush()
            os.fsync(stream.fileno())
        self.entries.append(entry)


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
