"""Devices for jobs that run side by side: each is one job's at a time.

A device is a file that its owner has locked. The system lets go of the locks of a process that
ends, however it ends. `flock` is used as it is: the open files themselves are handed to a
launcher that may outlive this process, which `filelock.FileLock` has no way for.
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


class Slots(NamedTuple):
    """Devices that are held, by CUDA's names, and the open files that hold them."""

    devices: tuple[str, ...] = ()
    files: tuple[int, ...] = ()


def slots_folder() -> Path:
    """Where the locks of this machine and user are, for every checkout.

    Jobs share it if they have the same temporary folder (`TMPDIR`).
    """
    return Path(tempfile.gettempdir()) / f"dmtbench-slots-{os.getuid()}"


class DeviceSlots:
    """Hands out devices.

    Jobs that may use the same devices are served one after the other: a job that wants many is
    not passed by those that want few. No job holds some of its devices while it waits for others.

    Args:
        folder: of the locks; made if needed.
        devices: names that CUDA knows them by, and what tells each apart on this machine.

    Raises:
        UserError: the folder is not this user's own.
    """

    def __init__(self, folder: Path, devices: Mapping[str, str]) -> None:
        self.folder, self.devices = folder, dict(devices)
        _make_private(folder)
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
            count: how many.
            timeout: seconds to wait at most; `None` to wait as long as it takes.
            on_wait: told once what is waited for, if it has to be.

        Raises:
            UserError: there are fewer devices, they stay taken for too long, or a lock is not this
                user's file.
        """
        if count > len(self.devices):
            raise UserError(
                f"{count} GPUs are wanted but {len(self.devices)} can be seen; lower "
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
        """Locks of the first free devices, `count` at most."""
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
        self._what, self._timeout, self._tell = what, timeout, on_wait
        self._started = time.monotonic()

    def on(self, reasons: list[str]) -> None:
        """Let some time pass.

        Raises:
            UserError: there is none left.
        """
        message = f"waiting for {self._what}: {'; '.join(reasons)}"
        waited = time.monotonic() - self._started
        if self._timeout is not None and waited >= self._timeout:
            raise UserError(f"gave up after {waited:.0f} s of {message}")
        if self._tell is not None:
            self._tell(message)
            self._tell = None
        # Jobs whose devices overlap in part must not try in step.
        time.sleep(_POLL_S * random.uniform(0.5, 1.5))


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be made ({error.strerror}); remove it or set TMPDIR to another place"
        ) from error
    found = folder.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not own or stat.S_IMODE(found.st_mode) & 0o077:
        raise UserError(
            f"{folder}: must be a folder that only you can enter, and no link; "
            "remove it or set TMPDIR to another place"
        )


def _keep(folder: Path) -> int:
    # What tidies temporary folders up (tmpfiles.d) leaves a locked one alone.
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    fcntl.flock(opened, fcntl.LOCK_SH)
    return opened


def _lock(path: Path) -> int | None:
    """The open file, locked and marked as this process's; `None` if another one has it.

    Raises:
        UserError: it is a link, no plain file or another user's.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror}); remove it") from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise UserError(f"{path}: is not a plain file of yours; remove it")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(path, found):
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
    # Someone may have removed the file since it was opened: others would lock a new one.
    try:
        return os.path.samestat(path.lstat(), opened)
    except FileNotFoundError:
        return False


def _release(file: int) -> None:
    # Forked children share the lock: closing alone would leave it to them.
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def _owner(path: Path) -> str:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner["since"]))
        return f"process {owner['pid']} on {owner['host']} since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        # It is just being written.
        return "another process"
