"""A partial download: `NAME.part`, and `NAME.part.json`, which identifies the whole file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.files import write_text


@dataclass(frozen=True)
class Origin:
    """File that a server sent: address, version (ETag, else date) and total number of bytes."""

    address: str
    etag: str | None
    modified: str | None
    total: int | None

    @property
    def condition(self) -> str | None:
        """Value of If-Range; a weak ETag is not allowed (RFC 9110, 13.1.5)."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return strong or self.modified


class Partial:
    """The received part of `target` from `address`; a part from another address does not count.

    Its length on disk is the only measure of progress, so a killed process loses only what it had
    not written yet.
    """

    def __init__(self, target: Path, address: str) -> None:
        self.address = address
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.origin = self._read(address)

    @property
    def size(self) -> int:
        """Number of received bytes."""
        return self.path.stat().st_size if self.origin and self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether all bytes are here; false if the server did not state their number."""
        return bool(self.size) and self.origin is not None and self.size == self.origin.total

    def start(self, origin: Origin) -> None:
        """Restart with the file of `origin`."""
        # Remove the old bytes first: they must never exist together with the new note.
        self.path.unlink(missing_ok=True)
        write_text(self._note, json.dumps(asdict(origin)) + "\n")
        self.origin = origin

    def discard(self) -> None:
        """Remove the received bytes."""
        self.path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Remove the note: the part is no longer needed."""
        self._note.unlink(missing_ok=True)
        self.origin = None

    def _read(self, address: str) -> Origin | None:
        try:
            origin = Origin(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return origin if origin.address == address else None
