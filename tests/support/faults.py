"""Faults, for real: full disks and read-only mounts, which need root, and locks of the dead."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.kill_project import Project
from pipeline.claims import Owner, numbers_of, path_of, write

_BLOCK = 64 * 1024
_RECORDS = ("data/*.record.json", "data/*/*.record.json", "runs/*/*/record.json")
_FINISHED = (*_RECORDS, "results/*/*/record.json", "results/complexity/*.json")


def why_not() -> str:
    """Why file systems cannot be mounted here; empty if they can."""
    if os.geteuid() != 0:
        return "needs root, which may mount file systems"
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"cannot mount: {done.stderr.strip()}" if done.returncode else ""


class Disk:
    """A disk of `megabytes`, mounted at `folder`."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self.megabytes = folder, megabytes
        folder.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))

    def fill(self) -> None:
        """Take all the space that is left."""
        block = b"\0" * _BLOCK
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def grow(self) -> None:
        """Give it more space; what fills it stays."""
        self.megabytes += (self.folder / "ballast").stat().st_size // 2**20 + 1
        _run("mount", "-o", f"remount,size={self.megabytes}m", str(self.folder))


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A small disk at `folder`, which is made."""
    made = Disk(folder, megabytes)
    try:
        yield made
    finally:
        _run("umount", "--lazy", str(folder))


@contextmanager
def mounted_read_only(*folders: Path) -> Iterator[None]:
    """Folders on a file system that is mounted read-only; root cannot write there either."""
    with ExitStack() as mounts:
        for folder in folders:
            _run("mount", "--bind", str(folder), str(folder))
            mounts.callback(_run, "umount", "--lazy", str(folder))
            _run("mount", "-o", "remount,bind,ro", str(folder))
            with pytest.raises(OSError, match="Read-only file system"):
                (folder / "probe").touch()
        yield


def abandon(path: Path, *, host: str, machine: str, pid: int) -> None:
    """Leave the newest claim of a lease to a process that started long ago and is no more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = Owner(token="dead", host=host, machine=machine, pid=pid, started=1)
    claim = path_of(path, max(numbers_of(path), default=0) + 1)
    with claim.open("wb") as file:
        write(file.fileno(), owner)


def finished(project: Project) -> dict[str, bytes]:
    """Records of data, runs, results and sizes: their dates tell whether they were made again."""
    paths = [path for pattern in _FINISHED for path in project.folder.glob(pattern)]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in paths}


def require_kept(project: Project, before: dict[str, bytes]) -> None:
    """Require that none of these records was removed or made again."""
    now = finished(project)
    lost = [name for name, content in before.items() if now.get(name) != content]
    assert not lost, f"lost or made again: {lost}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
