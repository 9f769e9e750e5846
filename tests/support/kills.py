"""Kills a command at random moments and lets it start again, as a cluster or a laptop lid would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def kill_repeatedly(
    command: Sequence[str],
    *,
    kills: int,
    reset: Callable[[], None],
    seed: int = 0,
    cwd: Path | None = None,
) -> int:
    """SIGKILL `command`, children included, `kills` times while it works; then let it finish.

    Every start after a kill resumes from what the killed one left. A start that finishes before
    its moment comes is not a kill: `reset` removes what it made, and the next one starts over.
    Moments are spread over the time that the command takes undisturbed.

    Returns:
        How many kills hit a running command; always `kills`.
    """
    moments = random.Random(seed)
    started = time.monotonic()
    _finish(command, cwd)
    undisturbed = time.monotonic() - started
    reset()
    hits = 0
    while hits < kills:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            # Interpreters start slowly: the first tenth of a second shows nothing.
            process.wait(timeout=moments.uniform(0.1, max(0.2, undisturbed)))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hits += 1
        else:
            assert process.returncode == 0, f"{command} failed after {hits} kills"
            reset()
    _finish(command, cwd)
    return hits


def _finish(command: Sequence[str], cwd: Path | None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
