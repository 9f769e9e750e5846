"""Processes of pretended machines that hold leases in a folder as on a network file system."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from pipeline import claims
from pipeline.lease import Taken, hold
from support.network_folder import CAN_REFUSE, refuse_network_calls

SPAWN = multiprocessing.get_context("spawn")
LEASE_S = 1.5


def pretend(machine: str) -> None:
    """Make this a process of `machine`, whose file systems are on a network."""
    socket.gethostname = claims.this_machine = lambda: machine
    if CAN_REFUSE:
        refuse_network_calls()


def owner(machine: str, path: Path, reports: Connection) -> None:
    """A process on `machine` that asks for the lease, and then tells when asked if it holds it."""
    pretend(machine)
    started = time.monotonic()
    try:
        with hold(path, duration=LEASE_S) as held:
            reports.send(("held", time.monotonic() - started))
            while reports.recv() != "end":
                reports.send(held.is_held)
    except Taken as error:
        reports.send((str(error), time.monotonic() - started))


class Owner:
    """`owner` in a process of its own."""

    def __init__(self, machine: str, path: Path) -> None:
        self.reports, there = SPAWN.Pipe()
        self.process: BaseProcess = SPAWN.Process(target=owner, args=(machine, path, there))
        self.process.start()

    @property
    def answer(self) -> tuple[str, float]:
        """`held` or who holds it, and the seconds until then."""
        assert self.reports.poll(60)
        found: tuple[str, float] = self.reports.recv()
        return found

    @property
    def is_held(self) -> bool:
        self.reports.send("?")
        assert self.reports.poll(60)
        return bool(self.reports.recv())

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def die(self) -> None:
        self.send(signal.SIGKILL)
        self.process.join()


@contextmanager
def owners(path: Path) -> Iterator[Callable[[str], Owner]]:
    """A maker of owners, which are all ended afterwards."""
    made: list[Owner] = []

    def make(machine: str) -> Owner:
        made.append(Owner(machine, path))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.process.kill()
            one.process.join()
