"""One owner at a time, on every file system: leases that end with their owner.

File systems on a network often have no `flock`, or one that other machines do not see. A lease is a
file that its owner touches three times in `LEASE_S`. An owner that is dead on this machine is
replaced at once (process number, start time and boot are compared). One on another machine is
replaced when its file has not changed for `LEASE_S` by the clock of the one that waits, so clocks
that disagree do no harm.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from filelock import SoftFileLease, Timeout

from pipeline.errors import UserError

LEASE_S = 120.0
"""Seconds without a sign of life after which an owner counts as dead. It is the same for all."""

_POLL_S = 0.5
_WATCHES = 1.25
"""Length of a watch in leases: one that begins just before a last sign of life must not fail."""


class Taken(UserError):
    """Another process holds the lease; the message names it."""


class Lease:
    """A lease that is held."""

    def __init__(self, lease: SoftFileLease) -> None:
        self._lease = lease

    @property
    def is_held(self) -> bool:
        """Whether it is still ours.

        A process that was suspended, or lost its file system, may have been replaced. Ask before
        something is written in its name.
        """
        owner = self._lease.owner
        return owner is not None and owner.token == self._lease.token


@contextmanager
def hold(path: Path, *, duration: float = LEASE_S) -> Iterator[Lease]:
    """Hold the lease at `path`, if nobody else does.

    An owner on another machine is watched for at most about `duration`; a line on stderr says so.

    Args:
        path: the file, whose folder exists.
        duration: see `LEASE_S`; only tests change it.

    Raises:
        Taken: the owner is alive.
        OSError: the file cannot be written.
    """
    lease = SoftFileLease(path, lease_duration=duration)
    try:
        lease.acquire(timeout=0)
    except Timeout as error:
        if _is_alive_here(lease):
            raise Taken(_owner(lease)) from error
        _take_from_the_dead(lease, path, duration)
    try:
        yield Lease(lease)
    finally:
        lease.release()


@contextmanager
def wait_for(path: Path) -> Iterator[None]:
    """Hold the lease at `path`, as soon as nobody else does; for moments, not for hours.

    Args:
        path: the file, whose folder exists.

    Raises:
        OSError: the file cannot be written.
    """
    with SoftFileLease(path, lease_duration=LEASE_S, poll_interval=_POLL_S / 5):
        yield


def _take_from_the_dead(lease: SoftFileLease, path: Path, duration: float) -> None:
    """Take the lease if its owner gives no sign of life.

    Raises:
        Taken: it does.
    """
    first = _sign_of_life(path)
    print(
        f"{path}: held by {_owner(lease)}; waiting up to {_WATCHES * duration:.0f} s for a sign "
        "of life",
        file=sys.stderr,
    )
    gives_signs: Callable[[], bool] = lambda: _sign_of_life(path) not in (first, None)  # noqa: E731
    try:
        lease.acquire(
            timeout=_WATCHES * duration,
            poll_interval=min(_POLL_S, duration / 20),
            cancel_check=gives_signs,
        )
    except Timeout as error:
        raise Taken(_owner(lease)) from error


def _sign_of_life(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino


def _is_alive_here(lease: SoftFileLease) -> bool:
    owner = lease.owner
    here = socket.gethostname()
    return owner is not None and owner.hostname == here and psutil.pid_exists(owner.pid)


def _owner(lease: SoftFileLease) -> str:
    owner = lease.owner
    return "another process" if owner is None else f"process {owner.pid} on {owner.hostname}"
