"""One trainer at a time: the lock on the state of a training, and who holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, Field, ValidationError

from pipeline.errors import UserError
from pipeline.files import write_text

STALE_S = 600.0
"""Seconds after which a note from another machine no longer counts; its owner renews it before."""


class _Owner(BaseModel):
    """Who holds the lock, since when in seconds of the epoch."""

    host: str = Field(pattern=r"^[^\x00-\x1f]{1,255}$")
    pid: int = Field(ge=0, lt=2**32)
    since: float = Field(ge=0, lt=2**40)


class RunLock(ExitStack[None]):
    """Held while a training runs, as a context manager.

    A file lock, which ends with its process, keeps out trainers on this machine; a note next to it
    names the holder. On shared folders whose locks do not reach other machines, only the note does,
    as long as its owner renews it.

    Args:
        folder: of the training's state; made if needed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.note = folder, folder / "owner.json"
        self._lock = FileLock(folder / "lock")

    def __enter__(self) -> RunLock:
        """Take the lock.

        Raises:
            UserError: another process holds it; the message says which, where and since when.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UserError(self._taken()) from error
        if self._is_held_elsewhere():
            message = self._taken()
            self._lock.release()
            raise UserError(message)
        if self.note.is_file():
            print(
                f"{self.folder}: {self._owner()} ended without releasing the lock; resuming",
                file=sys.stderr,
            )
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        write_text(self.note, json.dumps(owner))
        self.callback(self._lock.release)
        self.callback(self.note.unlink, missing_ok=True)
        return self

    def renew(self) -> None:
        """Renew the note, so that other machines see that the training runs."""
        self.note.touch()

    def _read(self) -> _Owner | None:
        """The note; `None` if there is none, or it is damaged."""
        try:
            return _Owner.model_validate_json(self.note.read_bytes())
        except (OSError, ValidationError):
            return None

    def _is_held_elsewhere(self) -> bool:
        owner = self._read()
        if owner is None or owner.host == socket.gethostname():
            return False
        return time.time() - self.note.stat().st_mtime < STALE_S

    def _owner(self) -> str:
        owner = self._read()
        if owner is None:
            return "an unknown process"
        age = _age(max(0.0, time.time() - owner.since))
        return f"process {owner.pid} on {owner.host}, for {age}"

    def _taken(self) -> str:
        return (
            f"{self.folder}: this training is being run by {self._owner()}; "
            "wait for it, or stop it first"
        )


def _age(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"
