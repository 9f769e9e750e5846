"""GPU slots for concurrent jobs: each device belongs to one job at a time.

A device is represented by a file that its owner locks. The system releases the locks of a process
that ends, for any reason. `flock` is called directly, because the open files are passed to a
launcher that may outlive this process, which leases don't support.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import re
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError

_POLL_S = 0.2
_LOCAL = (Path("/dev/shm"), Path("/tmp"))


class Slots(NamedTuple):
    """Held devices, by CUDA's names, and the open files that hold them."""

    devices: tuple[str, ...] = ()
    files: tuple[int, ...] = ()


def slots_folder() -> Path:
    """Folder of the locks of this machine and user, shared by all checkouts.

    Jobs share it if they have the same temporary folder (`TMPDIR`). If files cannot be locked
    there, as on some network file systems, it is in memory (`/dev/shm`) or in `/tmp`: the GPUs are
    this machine's, and so may the locks be.

    Raises:
        UserError: files can be locked in none of these folders.
    """
    folders = [Path(tempfile.gettempdir()), *_LOCAL]
    for folder in folders:
        if _can_lock(folder):
            return folder / f"dmtbench-slots-{os.getuid()}"
    tried = ", ".join(map(str, folders))
    raise UserError(f"{tried}: files cannot be locked; set TMPDIR to a folder of a local disk")


class DeviceSlots:
    """Allocates devices.

    Jobs that may use the same devices are served in turn: a job that needs many is not overtaken by
    jobs that need few. No job holds some of its devices while it waits for others.

    Args:
        folder: folder of the locks; created if needed.
        devices: CUDA's name of each device, and its unique identity on this machine.

    Raises:
        UserError: the folder doesn't belong to this user.
    """

    def __init__(self, folder: Path, devices: Mapping[str, str]) -> None:
        self.folder, self.devices = folder, dict(devices)
        make_private(folder)
        every = hashlib.sha256("\n".join(sorted(self.devices.values())).encode()).hexdigest()
        self._queue = folder / f"queue-{every[:16]}.lock"

    @contextmanager
    def take(
        self,
        count: int,
        timeout: float | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Iterator[Slots]:
        """Hold `count` of the devices.

        Args:
            count: number of devices.
            timeout: longest wait in seconds; `None` for no limit.
            on_wait: called once with a message if waiting is necessary.

        Raises:
            UserError: there are fewer devices, the wait exceeds `timeout`, or a lock is not a file
                of this user.
        """
        if count > len(self.devices):
            raise UserError(
                f"{count} GPUs are requested but {len(self.devices)} are visible; lower "
                "compute.gpus_per_run or add to CUDA_VISIBLE_DEVICES"
            )
        wait = _Wait(f"{count} of {len(self.devices)} GPUs", timeout, on_wait)
        with ExitStack() as held:
            kept = _keep(self.folder)
            held.callback(_release, kept)
            with ExitStack() as turn:
                while (place := _lock(self._queue)) is None:
                    wait.on([f"{_owner(self._queue)} comes first"])
                turn.callback(_release, place)
                while len(files := self._taken(count)) < count:
                    for file in files.values():
                        _release(file)
                    wait.on(self._busy(files))
                for file in files.values():
                    held.callback(_release, file)
            yield Slots(tuple(files), (kept, *files.values()))

    def _taken(self, count: int) -> dict[str, int]:
        """Lock the first free devices, at most `count`."""
        files: dict[str, int] = {}
        for name in self.devices:
            if len(files) == count:
                break
            file = _lock(self._path(name))
            if file is not None:
                files[name] = file
        return files

    def _busy(self, free: Mapping[str, int]) -> list[str]:
        taken = [name for name in self.devices if name not in free]
        return [f"{name} is used by {_owner(self._path(name))}" for name in taken]

    def _path(self, name: str) -> Path:
        return self.folder / f"device-{re.sub('[^A-Za-z0-9-]', '_', self.devices[name])}.lock"


class _Wait:
    def __init__(
        self, what: str, timeout: float | None, on_wait: Callable[[str], None] | None
    ) -> None:
        self._what, self._timeout, self._on_wait = what, timeout, on_wait
        self._started = time.monotonic()

    def on(self, reasons: list[str]) -> None:
        """Wait a moment.

        Raises:
            UserError: the timeout has expired.
        """
        message = f"waiting for {self._what}: {'; '.join(reasons)}"
        waited = time.monotonic() - self._started
        if self._timeout is not None and waited >= self._timeout:
            raise UserError(f"gave up after {waited:.0f} s of {message}")
        if self._on_wait is not None:
            self._on_wait(message)
            self._on_wait = None
        # Jitter, so that jobs whose devices partly overlap don't retry in lockstep.
        time.sleep(_POLL_S * random.uniform(0.5, 1.5))


def _can_lock(folder: Path) -> bool:
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(opened)
    return True


def make_private(folder: Path) -> None:
    """Make a folder that only this user can enter, unless it exists.

    Raises:
        UserError: it cannot be made, or belongs to somebody else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be created ({error.strerror}); remove it or set TMPDIR to "
            "another folder"
        ) from error
    status = folder.lstat()
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not own or stat.S_IMODE(status.st_mode) & 0o077:
        raise UserError(
            f"{folder}: must be a folder, not a link, that only you can enter; "
            "remove it or set TMPDIR to another folder"
        )


def _keep(folder: Path) -> int:
    # Services that clean up temporary folders (tmpfiles.d) skip locked ones.
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    fcntl.flock(opened, fcntl.LOCK_SH)
    return opened


def _lock(path: Path) -> int | None:
    """Open and lock a file and record this process as its owner; `None` if it is taken.

    Raises:
        UserError: it is a link, not a regular file, or another user's.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror}); remove it") from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            raise UserError(f"{path}: is not a regular file of yours; remove it")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(path, status):
            raise BlockingIOError
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(owner).encode(), 0)
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return file


def _is_at(path: Path, opened: os.stat_result) -> bool:
    # If the file was removed after it was opened, other jobs would lock a new one.
    try:
        return os.path.samestat(path.lstat(), opened)
    except FileNotFoundError:
        return False


def _release(file: int) -> None:
    # Forked children share the lock: closing the file alone would not release it.
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner["since"]))
        return f"process {owner['pid']} on {owner['host']} since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        # The owner is writing it right now.
        return "another process"
