"""What a scan has found so far, so that a killed one goes on instead of beginning anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import DataError

# Raised whenever a scan finds more, or something else, in the same files.
_VERSION = 1

Facts = TypeVar("Facts", bound=BaseModel)


class Journal(Generic[Facts]):
    """One line of JSON per finished scene, keyed by name, size and time of change of its files.

    Lines are appended and flushed; one that was torn by a kill, or that is not understood, counts
    as absent.

    Args:
        path: the file; made with the first line.
        root: root of the data set.
        kind: the model of the facts.

    Raises:
        DataError: the file cannot be read.
    """

    def __init__(self, path: Path, root: Path, kind: type[Facts]) -> None:
        self.path, self.root, self.kind = path, root, kind
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise self._error("read", error) from error
        self._torn = bool(content) and not content.endswith(b"\n")
        self._known: dict[str, Any] = {}
        for line in content.splitlines():
            try:
                key, facts = json.loads(line)
                self._known[str(key)] = facts
            except (ValueError, TypeError):
                continue

    def key(self, files: Mapping[str, str]) -> str | None:
        """Identifies the present state of files; `None` if one of them cannot be found."""
        parts: list[Any] = [_VERSION, str(self.root.resolve())]
        for view, name in files.items():
            try:
                status = (self.root / name).stat()
            except OSError:
                return None
            parts.append([view, name, status.st_size, status.st_mtime_ns])
        return json.dumps(parts)

    def known(self, key: str | None) -> Facts | None:
        """What an earlier scan found in the files with this key."""
        try:
            return self.kind.model_validate(self._known[key]) if key in self._known else None
        except ValidationError:
            return None

    def add(self, key: str | None, facts: Facts) -> None:
        """Note what was found in the files with this key.

        Raises:
            DataError: the file cannot be written.
        """
        if key is None:
            return
        line = json.dumps([key, facts.model_dump(mode="json")])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write("\n" * self._torn + line + "\n")
        except OSError as error:
            raise self._error("written", error) from error
        self._torn = False

    def _error(self, what: str, error: OSError) -> DataError:
        return DataError(
            f"{self.path}: cannot be {what} ({error.strerror}); "
            "free some space or choose a folder you may write to"
        )
