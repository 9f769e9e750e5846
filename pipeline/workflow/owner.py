"""Who runs the workflow of a folder: a note by Snakemake, and a mark on all of its processes."""

from __future__ import annotations

import atexit
import json
import os
import shlex
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import psutil  # type: ignore[import-untyped]

from pipeline.files import write_text
from pipeline.lease import Taken, hold

LOCKS = Path(".snakemake/locks")
NOTE = Path(".snakemake/owner.json")
LEASE = Path(".snakemake/owner.lock")
"""Held by the Snakemake that signed, for machines that cannot look at its processes."""
MARK = "DMTBENCH_WORKFLOW"
"""Environment variable of all processes that a workflow starts: its `Owner`, as JSON."""

_PROGRAMS = ("snakemake", "dmtbench", "pipeline")
# `python -X option -m snakemake …`
_FIRST_WORDS = 6


@dataclass(frozen=True)
class Owner:
    """A process that runs a workflow: `pid` on `host`, in `folder`, `since` seconds of 1970."""

    host: str
    pid: int
    since: float
    folder: str

    @classmethod
    def this_process(cls) -> Owner:
        """The process that calls, in its current folder."""
        return cls(socket.gethostname(), os.getpid(), time.time(), str(Path.cwd()))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read what `text` returned; `None` if it is anything else."""
        try:
            found = cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError):
            return None
        fields = (found.host, found.pid, found.since, found.folder)
        return found if [type(field) for field in fields] == [str, int, float, str] else None

    def text(self) -> str:
        """As `parse` reads it."""
        return json.dumps(asdict(self))

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine that worked in the current folder."""
        return (self.host, self.folder) == (socket.gethostname(), str(Path.cwd()))

    @property
    def is_alive(self) -> bool:
        """Whether it still runs on this machine and is not the calling process.

        Its number may be another process's by now, so program and folder must be right. Start times
        are not compared: they follow the clock, which may be set.
        """
        if self.host != socket.gethostname() or self.pid == os.getpid():
            return False
        try:
            process = psutil.Process(self.pid)
        except (psutil.Error, ValueError, OverflowError):
            return False
        return runs_in(process, self.folder) and is_program(process, *_PROGRAMS)


def is_program(process: psutil.Process, *names: str) -> bool:
    """Whether a process runs one of these programs or Python modules."""
    try:
        words = process.cmdline()[:_FIRST_WORDS]
    except psutil.Error:
        return False
    return any(Path(word).name in names for word in words)


def runs_in(process: psutil.Process, folder: str) -> bool:
    """Whether a process lives and works in this folder; true if its folder may not be read."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() in (folder, "")
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def mark_jobs() -> None:
    """Mark all processes that this one starts from now on."""
    os.environ[MARK] = Owner.this_process().text()


def sign_lock() -> None:
    """Note that this process holds Snakemake's lock, and show that it lives until it ends.

    Also, SIGTERM no longer blocks Snakemake's scheduler: its handler takes a lock that the
    interrupted scheduler may hold, and would then wait for itself for ever. It waits in a thread
    instead.
    """
    LEASE.parent.mkdir(exist_ok=True)
    held = ExitStack()
    # With `--nolock` there may be several.
    with suppress(Taken):
        held.enter_context(hold(LEASE.absolute()))
    atexit.register(held.close)
    write_text(NOTE, Owner.this_process().text())
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        return

    def in_a_thread(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=handler, args=(number, frame), daemon=True).start()

    signal.signal(signal.SIGTERM, in_a_thread)


def signed() -> Owner | None:
    """The process that signed last; `None` if none did or the note is damaged."""
    try:
        return Owner.parse(NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_locked() -> bool:
    """Whether the current folder has a lock of Snakemake, of whomever."""
    try:
        return any(LOCKS.iterdir())
    except OSError:
        return False


def unlock_command(config: str) -> str:
    """The command that removes Snakemake's lock, as typed into a shell."""
    return shlex.join(["snakemake", "--unlock", "--configfile", config])


def advise_on_dead_lock(config: str) -> None:
    """Print the command that removes the lock if the process that left it was here and is dead.

    Args:
        config: the experiment file, as the workflow sees it.
    """
    owner = signed()
    if owner is not None and owner.is_here and not owner.is_alive and is_locked():
        print(
            f"{owner.folder}: process {owner.pid} was killed and left a lock; `dmtbench run` "
            f"removes it, for snakemake type: {unlock_command(config)}",
            file=sys.stderr,
        )
