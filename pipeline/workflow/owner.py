"""Who runs the workflow of a folder: a note by Snakemake, and a mark on all of its processes."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from pipeline.files import write_text

LOCKS = Path(".snakemake/locks")
NOTE = Path(".snakemake/owner.json")
MARK = "DMTBENCH_WORKFLOW"
"""Environment variable of a workflow's processes: an `Owner`, as JSON."""


@dataclass(frozen=True)
class Owner:
    """A process that started others: `host`, `pid`, when it was `created`, and in which `folder`.

    `created`: seconds since 1970; tells apart processes that had the same number one after another.
    """

    host: str
    pid: int
    created: float
    folder: str

    @classmethod
    def this_process(cls) -> Owner:
        """The process that calls."""
        created = psutil.Process().create_time()
        return cls(socket.gethostname(), os.getpid(), created, str(Path.cwd()))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read what `text` holds; `None` if it is anything else."""
        try:
            found = cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
        types = (str, int, float, str)
        values = (found.host, found.pid, found.created, found.folder)
        return found if all(map(isinstance, values, types)) else None

    def text(self) -> str:
        """As `parse` reads it."""
        return json.dumps(asdict(self))

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    def process(self) -> psutil.Process | None:
        """The process, if it lives on this machine."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created) < 1
            alive = found.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError, OverflowError):
            return None
        return found if self.is_here and same and alive else None


def mark_jobs() -> None:
    """Mark all processes that this one starts from now on."""
    os.environ[MARK] = Owner.this_process().text()


def sign_lock() -> None:
    """Note that this process holds Snakemake's lock on the current folder."""
    write_text(NOTE, Owner.this_process().text())


def signed() -> Owner | None:
    """The process that signed last; `None` if none did, or nobody can read the note."""
    try:
        return Owner.parse(NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_locked() -> bool:
    """Whether the current folder has locks of Snakemake, dead or alive."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def advise_on_dead_lock(config: str) -> None:
    """Print the command that removes the lock, if a process of this machine left one behind.

    Args:
        config: the experiment file, as the workflow sees it.
    """
    owner = signed()
    if not is_locked() or owner is None or not owner.is_here or owner.process() is not None:
        return
    folder = Path.cwd()
    command = shlex.join(["snakemake", "--unlock", "--configfile", config])
    print(
        f"{folder} is locked by process {owner.pid}, which was killed; `dmtbench run` removes the "
        f"lock by itself, for snakemake type: {command}",
        file=sys.stderr,
    )
