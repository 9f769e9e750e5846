"""A journal of finished pieces, so that a killed job goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """Lines of JSON: a header that says what the work is, then one line per finished piece.

    A journal of other work is begun anew. It ends with the last line that is whole: what follows
    one that was cut short, or that cannot be read, counts as not written.

    Args:
        path: the file.
        header: JSON-like; equal headers mean equal work.

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
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            self.entries.append(entry)
            length += len(line)
        os.truncate(path, length)

    def add(self, entry: Any) -> None:
        """Note a finished piece; what it consists of must have been written before."""
        with self.path.open("ab") as stream:
            stream.write(json.dumps(entry).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.entries.append(entry)
