"""One owner at a time, on every file system: leases that end with their owner.

File systems on a network often have no `flock`, or one that other machines do not see, and refuse
to exchange two names. Leases need neither, nor links or clocks that agree: only files made with
`O_EXCL` and touched.

The lease `name.lock` is a row of files `name.1.lock`, `name.2.lock`, …: claims, of which the newest
counts. Only claims below the newest are removed, so no number comes back. Of two that replace the
same owner only one can make the next claim, and one that comes late finds a newer claim.

An owner touches its claim three times in `LEASE_S`, in a thread. If its process has ended on this
machine (boot, process number, start time and state are compared), it is replaced at once. An owner
elsewhere is replaced when its claim has not changed for `LEASE_S`, in seconds that the one who
waits counts. It leaves out those in which it was suspended or the file system did not answer.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.claims import Claim, Owner, abandon, newest, numbers_of, path_of, write
from pipeline.errors import UserError

LEASE_S = 120.0
"""Seconds without a sign of life after which an owner counts as dead. It is the same for all."""

_POLL_S = 0.5
_SHORT_POLL_S = 0.1
# A first change may be the last sign of one that is dead, seen late through a cache.
_SIGNS_OF_LIFE = 2
_QUIET_S = 5.0


class Taken(UserError):
    """Another process holds the lease; the message names it."""


class Lease:
    """A lease at `path` that is held: the claim of `owner`, open as `file`."""

    def __init__(self, path: Path, file: int, owner: Owner, duration: float) -> None:
        self._path, self._file, self._owner = path, file, owner
        self._ended = threading.Event()
        self._interval = duration / 3
        self._heart = threading.Thread(target=self._beat, name=f"lease {path}", daemon=True)
        self._heart.start()

    @property
    def is_held(self) -> bool:
        """Whether it is still ours.

        A process that was suspended, or lost its file system, may have been replaced. Ask before
        something is written in its name.

        Raises:
            OSError: the folder cannot be read.
        """
        claim = newest(self._path)
        found = claim and claim.owner
        return found is not None and found.token == self._owner.token

    def release(self) -> None:
        """Let others have it at once."""
        if os.getpid() != self._owner.pid:
            return
        self._ended.set()
        self._heart.join()
        # Not removed: numbers must not come back.
        with suppress(OSError):
            write(self._file, None)
        os.close(self._file)

    def _beat(self) -> None:
        while not self._ended.wait(self._interval):
            # A file system that is away may be back for the next one.
            with suppress(OSError):
                os.utime(self._file)


@contextmanager
def hold(path: Path, *, duration: float = LEASE_S) -> Iterator[Lease]:
    """Hold the lease at `path`, if nobody else does.

    An owner on another machine is watched for at most about twice `duration`; a line on stderr says
    so.

    Args:
        path: in a folder that exists. Claims lie beside it.
        duration: see `LEASE_S`; only tests change it.

    Raises:
        Taken: the owner is alive.
        OSError: the folder cannot be written.
    """
    lease = _take(path, duration, patient=False)
    try:
        yield lease
    finally:
        lease.release()


@contextmanager
def wait_for(path: Path, *, duration: float = LEASE_S) -> Iterator[None]:
    """Hold the lease at `path`, as soon as nobody else does; for moments, not for hours.

    A line on stderr names the owner if that takes more than a few seconds.

    Args:
        path: in a folder that exists. Claims lie beside it.
        duration: see `LEASE_S`; only tests change it.

    Raises:
        OSError: the folder cannot be written.
    """
    lease = _take(path, duration, patient=True)
    try:
        yield
    finally:
        lease.release()


def was_held(path: Path) -> bool:
    """Whether anyone has ever held the lease at `path`."""
    return bool(numbers_of(path))


class _Watch:
    """Watches claims for signs of life, and says once whom it waits for."""

    def __init__(self, path: Path, duration: float, quiet_s: float) -> None:
        self._path, self._duration, self._quiet_s = path, duration, quiet_s
        self._seen: Claim | None = None
        self._unchanged_s = 0.0
        self._began = self._looked = time.monotonic()
        self._silent = True
        self.signs = 0

    def look(self, seen: Claim, longest_s: float) -> bool:
        """Whether the owner gave no sign of life for long enough.

        Args:
            seen: the newest claim.
            longest_s: seconds that count at most since the last look.
        """
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, longest_s), now
        if self._seen is None or seen == self._seen:
            self._unchanged_s += passed if self._seen else 0.0
        else:
            self._unchanged_s = 0.0
            self.signs += 1
        self._seen = seen
        return self._unchanged_s >= self._duration

    def say(self, seen: Claim) -> None:
        if self._silent and time.monotonic() - self._began >= self._quiet_s:
            self._silent = False
            print(
                f"{self._path}: held by {seen.who}; waiting for its end, or {self._duration:.0f} s "
                "without a sign of life",
                file=sys.stderr,
                flush=True,
            )


def _take(path: Path, duration: float, *, patient: bool) -> Lease:
    poll = _SHORT_POLL_S if patient else min(_POLL_S, duration / 20)
    watch = _Watch(path, duration, _QUIET_S if patient else poll)
    while True:
        seen = newest(path)
        if seen is None or seen.is_free or (not seen.is_here and watch.look(seen, 2 * poll)):
            lease = _claim(path, 1 if seen is None else seen.number + 1, duration)
            if lease is not None:
                return lease
        elif not patient and (seen.is_here or watch.signs >= _SIGNS_OF_LIFE):
            raise Taken(seen.who)
        else:
            watch.say(seen)
        time.sleep(poll)


def _claim(path: Path, number: int, duration: float) -> Lease | None:
    """Make a claim; `None` if somebody else was faster."""
    owner = Owner.this_process()
    own = path_of(path, number)
    try:
        file = os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return None
    try:
        write(file, owner)
        numbers = numbers_of(path)
        if max(numbers, default=0) != number:
            own.unlink(missing_ok=True)
            os.close(file)
            return None
        lease = Lease(path, file, owner, duration)
    except BaseException:
        # It stays: a number that others saw must not come back.
        with suppress(OSError):
            abandon(file)
        os.close(file)
        raise
    for older in numbers:
        if older < number:
            with suppress(OSError):
                path_of(path, older).unlink()
    return lease
