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

from pipeline.errors import UserError
from pipeline.files import write_text

STALE_S = 600.0
"""Owners on other machines give a sign of life more often than this, in seconds."""


class RunLock(ExitStack[None]):
    """Held while a training runs, as a context manager.

    A lock file that only the living hold keeps out trainers on this machine; a note beside it says
    who holds it. On shared folders whose locks do not reach other machines, the note alone does,
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
            UserError: another process holds it; who, where and since when is told.
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
            print(f"{self.folder}: {self._owner()} ended without a word; going on", file=sys.stderr)
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        write_text(self.note, json.dumps(owner))
        self.callback(self._lock.release)
        self.callback(self.note.unlink, missing_ok=True)
        return self

    def renew(self) -> None:
        """Give a sign of life."""
        self.note.touch()

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _is_held_elsewhere(self) -> bool:
        owner = self._read()
        if owner.get("host") in (None, socket.gethostname()):
            return False
        return time.time() - self.note.stat().st_mtime < STALE_S

    def _owner(self) -> str:
        owner = self._read()
        since = owner.get("since")
        age = f", for {_age(time.time() - since)}" if isinstance(since, float) else ""
        return f"process {owner.get('pid', '?')} on {owner.get('host', '?')}{age}"

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
