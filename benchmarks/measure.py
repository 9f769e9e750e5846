"""Time, memory and disk space of a command, including its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY_S = 0.2


@dataclass(frozen=True)
class Measured:
    """Exit status, wall time in seconds and peak memory in bytes.

    Memory is the proportional set size of the whole process tree, sampled five times a second:
    shared pages count once, mapped files count as far as they are in memory. A peak shorter than
    0.2 s can be missed.
    """

    status: int
    seconds: float
    peak_bytes: int


def measure(command: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path) -> Measured:
    """Run a command to its end and write its output to `log`.

    On an interrupt, all its processes are killed.
    """
    started = time.monotonic()
    peak = 0
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                peak = max(peak, tree_bytes(process.pid))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_EVERY_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    seconds = time.monotonic() - started
    return Measured(status=process.returncode, seconds=seconds, peak_bytes=peak)


def tree_bytes(pid: int) -> int:
    """Current memory of a process and all its descendants, in bytes."""
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total


def disk_bytes(folder: Path) -> int:
    """Bytes on disk of all files below a folder; hard links count once."""
    blocks = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            status_on_disk = path.lstat()
            blocks[status_on_disk.st_dev, status_on_disk.st_ino] = status_on_disk.st_blocks
    return 512 * sum(blocks.values())
