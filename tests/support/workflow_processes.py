"""Processes that look like those of a workflow, and notes about them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.workflow.owner import LOCKS, MARK, NOTE, Owner

SLEEP = "import time; print('ready', flush=True); time.sleep(300)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


def owner(pid: int, *, host: str | None = None, folder: Path | None = None) -> Owner:
    """An owner of the current folder on this machine, unless told otherwise."""
    here = socket.gethostname() if host is None else host
    return Owner(here, pid, time.time(), str(folder or Path.cwd()))


def dead_pid() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@contextmanager
def running(
    *words: str, code: str = SLEEP, mark: Owner | None = None, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with these words in its command line, marked as started by this owner."""
    environment = {**os.environ, **({MARK: mark.text()} if mark else {})}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], env=environment, cwd=folder, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def lock(by: Owner | None = None) -> None:
    """Lock the current folder as Snakemake does, signed by this owner."""
    LOCKS.mkdir(parents=True)
    (LOCKS / "0.output.lock").write_text("data/tiny/manifest.csv\n")
    if by is not None:
        NOTE.write_text(by.text())
