"""What a folder of results was made from, so that a second run makes only what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.files import sha256_of, write_text

RECORD = "deblurred.json"


class FinishedImages:
    """The record of a folder: for each result its SHA-256, and what it was made from.

    Args:
        folder: the folder of the results; it need not exist.

    Raises:
        DataError: its record cannot be read or is not one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORD
        self._entries: dict[str, Any] = {}
        if not self._path.exists():
            return
        try:
            read = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{self._path}: cannot be read; remove it") from error
        if not isinstance(read, dict):
            raise DataError(f"{self._path}: is not a record of deblurred images; remove it")
        self._entries = read

    def is_current(self, target: Path, made_from: Mapping[str, Any]) -> bool:
        """Whether a result is what would be made now, and unchanged since."""
        entry = self._entries.get(target.name)
        if not isinstance(entry, dict) or entry.get("made_from") != made_from:
            return False
        return target.is_file() and entry.get("sha256") == sha256_of(target)

    def add(self, target: Path, made_from: Mapping[str, Any]) -> None:
        """Record a result that has been written.

        Raises:
            DataError: the folder is read-only or full.
        """
        self._entries[target.name] = {"made_from": made_from, "sha256": sha256_of(target)}
        write_text(self._path, json.dumps(self._entries, indent=1, sort_keys=True) + "\n")
