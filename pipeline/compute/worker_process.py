"""Worker processes that leave signals to the process that started them, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from threading import Thread

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_POLL_S = 1.0


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold SIGTERM and SIGINT back, from this thread and from processes that it starts meanwhile.

    Here they arrive afterwards. The processes keep them out for good: not even one that is still
    starting up is ended by a signal to the whole process group.
    """
    # Python starts it with the first worker, and then lets these signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def worker_context(preload: Sequence[str]) -> BaseContext:
    """How to start worker processes: forked from a server that has loaded what they need.

    The server runs no threads of ours, a fork of which could deadlock. Its workers share the
    memory of what it has loaded: torch alone takes some 300 MB in a process that loads it itself.
    Where no server can be started, every worker is a fresh process.

    Args:
        preload: names of the modules that the workers need.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    try:
        with signals_held():
            forkserver.ensure_running()
    except OSError:
        # TMPDIR may lie on a file system without sockets, or be longer than the path of a socket
        # may be, about 100 characters (before Python 3.14).
        return multiprocessing.get_context("spawn")
    return context


def follow_parent() -> None:
    """Leave SIGTERM and SIGINT to the parent, and end when it says so or ends in any way.

    To be called first in a worker process.
    """
    # Every thread must hold them back, or the kernel would deliver them there.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    parent = multiprocessing.parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    while True:
        found = signal.sigtimedwait(_SIGNALS, _POLL_S)
        # SIGTERM from the parent is how multiprocessing ends a worker.
        told = found is not None and found.si_pid == parent.pid
        if told or not parent.is_alive():
            os._exit(1)
