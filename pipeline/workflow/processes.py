"""The processes of a workflow on this machine: find those that carry its mark, and end them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable

import psutil  # type: ignore[import-untyped]

from pipeline.workflow.owner import MARK, Owner

_POLL_S = 0.1
_SHELLS = ("sh", "bash", "dash", "zsh")


def marked(of: Callable[[Owner], bool]) -> list[psutil.Process]:
    """Live processes, except the calling one, whose mark names an owner that `of` accepts."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            owner = Owner.parse(process.environ().get(MARK, ""))
            if owner and process.status() != psutil.STATUS_ZOMBIE and of(owner):
                found.append(process)
    return found


def orphans() -> list[psutil.Process]:
    """Processes that a workflow of the current folder started, and that outlived it."""
    return marked(lambda owner: owner.is_here and not owner.is_alive)


def heads(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that a signal should go to: no shells, and nothing that another of them started.

    A shell ends without waiting for its job, and workers must not end before the training that
    wants to finish its step.
    """
    workers = {process.pid for process in processes if process.name() not in _SHELLS}
    return [
        process for process in processes if process.pid in workers and process.ppid() not in workers
    ]


def end(
    find: Callable[[], list[psutil.Process]],
    patience_s: float,
    hurry: Callable[[], bool] = lambda: False,
) -> None:
    """End processes, those included that they start in the meantime.

    SIGTERM lets a training save its state. SIGKILL ends what is still alive after `patience_s`.

    Args:
        find: the processes, as they are now.
        hurry: whether to be patient no longer.
    """
    until, asked = time.monotonic() + patience_s, set[int]()
    while found := find():
        late = time.monotonic() > until or hurry()
        with contextlib.suppress(psutil.Error):
            for process in found if late else heads(found):
                if late:
                    process.kill()
                elif process.pid not in asked:
                    process.terminate()
                    asked.add(process.pid)
        time.sleep(_POLL_S)


def say(message: str) -> None:
    """Print to standard error, or nowhere if the terminal has been closed."""
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)
