"""One trainer at a time: the lock on the state of a training, and who holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.lease import LEASE_S, Lease, Taken, hold


class _Owner(BaseModel):
    """Who holds the lock, since when in seconds of the epoch."""

    host: str = Field(pattern=r"^[!-~]{1,255}$")
    pid: int = Field(ge=0, lt=2**32)
    since: float = Field(ge=0, lt=2**40)


class RunLock(ExitStack[None]):
    """Held while a training runs, as a context manager.

    A lease, which keeps out trainers on every machine (see `pipeline.lease`), and a note next to it
    for messages.

    Args:
        folder: of the training's state; made if needed.
        lease_s: seconds after which an owner on another machine counts as dead.
    """

    def __init__(self, folder: Path, lease_s: float = LEASE_S) -> None:
        super().__init__()
        self.folder, self.note = folder, folder / "owner.json"
        self._lease_s = lease_s
        self._lease: Lease | None = None

    def __enter__(self) -> RunLock:
        """Take the lock.

        Raises:
            UserError: another process holds it; the message says which, where and since when.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            lease = hold(self.folder / "lock", duration=self._lease_s)
            self._lease = self.enter_context(lease)  # type: ignore[arg-type]
        except Taken as error:
            raise UserError(self._taken()) from error
        if self.note.is_file():
            print(
                f"{self.folder}: {self._owner()} ended without releasing the lock; resuming",
                file=sys.stderr,
            )
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        write_text(self.note, json.dumps(owner))
        self.callback(self._remove_note)
        return self

    def check(self) -> None:
        """Make sure that the lock is still held, before a state is put in place.

        Raises:
            UserError: this process gave no sign of life for too long and was replaced.
        """
        if self._lease is None or not self._lease.is_held:
            raise UserError(
                f"{self.folder}: this process gave no sign of life for {self._lease_s:.0f} s, and "
                f"the training is now run by {self._owner()}; nothing more is written here"
            )

    def _remove_note(self) -> None:
        if self._lease is not None and self._lease.is_held:
            self.note.unlink(missing_ok=True)

    def _read(self) -> _Owner | None:
        """The note; `None` if there is none, or it is damaged."""
        try:
            return _Owner.model_validate_json(self.note.read_bytes())
        except (OSError, ValidationError):
            return None

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
