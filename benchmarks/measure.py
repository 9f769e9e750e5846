"""Time, memory and disk of a command, its children included."""

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
    pages that processes share count once, mapped files count as far as they are in memory. A peak
    of less than a fifth of a second can be missed.
    """

    status: int
    seconds: float
    peak_bytes: int


def measure(command: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path) -> Measured:
    """Run a command to its end, its output to `log`; an interrupt ends all its processes."""
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
    return Measured(process.returncode, time.monotonic() - started, peak)


def tree_bytes(pid: int) -> int:
    """Memory of a process and all its descendants, now."""
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total


def disk_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take on disk; hard links count once."""
    blocks = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            found = path.lstat()
            blocks[found.st_dev, found.st_ino] = found.st_blocks
    return 512 * sum(blocks.values())
