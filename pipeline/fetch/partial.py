"""A file that is arriving: `NAME.part`, and `NAME.part.json` that says what it is part of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.files import write_text


@dataclass(frozen=True)
class Origin:
    """What a server sent: from where, which version (ETag, else date) and how many bytes in all."""

    address: str
    etag: str | None
    modified: str | None
    total: int | None

    @property
    def condition(self) -> str | None:
        """Value of If-Range; a weak ETag doesn't qualify (RFC 9110, 13.1.5)."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return strong or self.modified


class Partial:
    """The part of `target` that has arrived from `address`; what came from elsewhere is no part.

    Its length on disk is the only measure of progress, so that a killed process loses nothing
    but what it hadn't written.
    """

    def __init__(self, target: Path, address: str) -> None:
        self.address = address
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.origin = self._read(address)

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.origin and self.path.exists() else 0

    @property
    def complete(self) -> bool:
        """Whether all bytes are here, as far as the server has said how many there are."""
        return bool(self.size) and self.origin is not None and self.size == self.origin.total

    def start(self, origin: Origin) -> None:
        """Begin anew with what `origin` sends."""
        # The old bytes go first: at no moment may they stand beside the new note.
        self.path.unlink(missing_ok=True)
        write_text(self._note, json.dumps(asdict(origin)) + "\n")
        self.origin = origin

    def discard(self) -> None:
        """Remove what has arrived."""
        self.path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Remove the note: the part is used up."""
        self._note.unlink(missing_ok=True)
        self.origin = None

    def _read(self, address: str) -> Origin | None:
        try:
            origin = Origin(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return origin if origin.address == address else None
