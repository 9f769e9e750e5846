"""Claims of leases: the files in which owners name themselves, and whether an owner still runs."""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_MAX_BYTES = 4096
_RELEASED = b"released\n"
_ABANDONED_NS, _UNKNOWN_NS = 0, -1


class Owner(BaseModel):
    """Who made a claim; `started`: ticks of the kernel from its start to that of the process."""

    model_config = ConfigDict(frozen=True, strict=True)

    token: str = Field(min_length=1)
    host: str = Field(pattern=r"^[!-~]{1,255}$")
    machine: str = Field(min_length=1)
    pid: int = Field(ge=1, lt=2**31)
    started: int | None

    @classmethod
    def this_process(cls) -> Owner:
        """The process that calls, with a new token."""
        return cls(
            token=secrets.token_hex(16),
            host=re.sub("[^!-~]", "?", socket.gethostname())[:255] or "?",
            machine=this_machine(),
            pid=os.getpid(),
            started=_started(os.getpid()),
        )

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.machine == this_machine()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs; asked on its machine."""
        if not psutil.pid_exists(self.pid):
            return False
        found = _started(self.pid)
        return None in (found, self.started) or found == self.started


class Claim(NamedTuple):
    """A claim as it was seen; `owner` is `None` if it is released, being written, or damaged."""

    number: int
    owner: Owner | None
    changed_ns: int
    is_released: bool = False

    @property
    def is_here(self) -> bool:
        """Whether its owner is, or was, a process of this machine."""
        return self.owner is not None and self.owner.is_here

    @property
    def is_free(self) -> bool:
        """Whether its owner is known to have ended, released it, or failed to make it."""
        owner = self.owner
        if owner is None:
            return self.is_released or self.changed_ns == _ABANDONED_NS
        return owner.is_here and not owner.is_alive

    @property
    def who(self) -> str:
        """The owner, for messages."""
        owner = self.owner
        return "another process" if owner is None else f"process {owner.pid} on {owner.host}"


def write(file: int, owner: Owner | None) -> None:
    """Write a claim, through to the disk or the server.

    Args:
        file: the open claim.
        owner: `None` releases it; nothing of its owner is left.

    Raises:
        OSError: it cannot be written.
    """
    content = _RELEASED if owner is None else owner.model_dump_json().encode()
    os.pwrite(file, content, 0)
    os.ftruncate(file, len(content))
    os.fsync(file)


def abandon(file: int) -> None:
    """Free a claim that could not be written: on a full disk its time can still be set.

    Raises:
        OSError: not even that.
    """
    os.utime(file, ns=(_ABANDONED_NS, _ABANDONED_NS))


def newest(path: Path) -> Claim | None:
    """The newest claim of the lease at `path`; `None` if there is none.

    Raises:
        OSError: the folder or the claim cannot be read.
    """
    numbers = numbers_of(path)
    if not numbers:
        return None
    number = max(numbers)
    try:
        # Network file systems ask their server when a file is opened, not for every `stat`.
        file = os.open(path_of(path, number), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ESTALE):
            raise
        return Claim(number, None, _UNKNOWN_NS)
    try:
        content, changed_ns = os.read(file, _MAX_BYTES), os.fstat(file).st_mtime_ns
    finally:
        os.close(file)
    return Claim(number, _parse(content), changed_ns, content == _RELEASED)


def _parse(content: bytes) -> Owner | None:
    try:
        return Owner.model_validate_json(content)
    except ValidationError:
        return None


def numbers_of(path: Path) -> list[int]:
    """Numbers of the claims of the lease at `path`, in any order.

    Raises:
        OSError: the folder cannot be read.
    """
    name = re.compile(rf"{re.escape(path.stem)}\.([1-9][0-9]{{0,17}})\.lock")
    with os.scandir(path.parent) as entries:
        return [int(found[1]) for entry in entries if (found := name.fullmatch(entry.name))]


def path_of(path: Path, number: int) -> Path:
    """File of a claim of the lease at `path`.

    >>> path_of(Path("data/.store.lock"), 3).as_posix()
    'data/.store.3.lock'
    """
    return path.with_name(f"{path.stem}.{number}.lock")


def this_machine() -> str:
    """Identity of the running system, and of its process numbers: containers have their own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> int | None:
    """When a process started, in the kernel's ticks; 0 if it is a zombie, `None` if unknown.

    Unlike `psutil`'s time, it does not follow the clock.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        state, *fields = stat.rpartition(b")")[2].split()
        return 0 if state in (b"Z", b"X") else int(fields[18])
    except (OSError, ValueError, IndexError):
        return None
