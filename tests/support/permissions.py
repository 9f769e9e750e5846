"""Permissions that bind, although tests may run as root."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_VERSION = 0x20080522
_OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_SETPRIV = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@contextmanager
def permissions_bind() -> Iterator[None]:
    """This thread without root's power to ignore permissions; commands it starts regain it."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION, 0)
    # Effective, permitted and inheritable capabilities, 32 of them at a time.
    sets = (ctypes.c_uint32 * 6)()
    if not hasattr(libc, "capset") or libc.capget(header, sets):
        pytest.skip("permissions do not bind root on this system")
    before = sets[0]
    sets[0] = before & ~_OVERRIDES
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


def bound(command: Sequence[str]) -> list[str]:
    """A command that runs without root's power to ignore permissions."""
    if os.geteuid() != 0:
        return [*command]
    if (
        shutil.which("setpriv") is None
        or subprocess.run([*_SETPRIV, "true"], check=False).returncode
    ):
        pytest.skip("permissions do not bind root on this system")
    return [*_SETPRIV, *command]


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Folders in which nothing can be made or removed."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)
