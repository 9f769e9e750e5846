"""A journal of finished pieces, so that a killed job goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """Lines of JSON: a header that says what the work is, then one line per finished piece.

    A journal of other work is begun anew; a last line that was cut short counts as not written.

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
            path.write_bytes(first)
            return
        whole = [line for line in lines[1:] if line.endswith(b"\n")]
        self.entries = [json.loads(line) for line in whole]
        os.truncate(path, len(first) + sum(map(len, whole)))

    def add(self, entry: Any) -> None:
        """Note a finished piece; what it consists of must have been written before."""
        with self.path.open("ab") as stream:
            stream.write(json.dumps(entry).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.entries.append(entry)
