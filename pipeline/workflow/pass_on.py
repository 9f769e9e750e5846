"""SIGTERM for a job on a cluster, passed on to the job's command, which can save its state.

SLURM signals only the first process of a job step where processes are tracked by cgroups (its
default `SignalChildrenProcesses=no`). That process is Snakemake, which waits for the command and
does not tell it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from threading import Thread
from typing import Any

import psutil  # type: ignore[import-untyped]


def pass_on_sigterm(snakemake: Any) -> None:
    """Pass SIGTERM on to the command of this process's job, if Snakemake was started for one job.

    Must be called in the main thread.

    Args:
        snakemake: Snakemake's `workflow`.
    """
    if snakemake.is_main_process:
        return
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    # Snakemake sets its own handler later; the pipe still gets every signal that has one.
    signal.set_wakeup_fd(sink, warn_on_full_buffer=False)
    Thread(target=_pass_on, args=(source, snakemake), name="SIGTERM", daemon=True).start()


def _pass_on(source: int, snakemake: Any) -> None:
    while number := os.read(source, 1):
        # Elsewhere the child is `srun`, which would kill all of its processes at once.
        if number[0] == signal.SIGTERM and snakemake.local_exec:
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    child.terminate()
