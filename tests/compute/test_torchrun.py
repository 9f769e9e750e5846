"""Processes of one training: where they listen, and how they end with each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import torch
from support.paths import REPOSITORY
from torch import distributed

from pipeline.compute.distributed import World
from pipeline.errors import Disconnected

# Sums numbers with the others until it is stopped, under the error handling of `dmtbench`.
TRAINER = """
import os, sys, time
from pathlib import Path
import torch
from pipeline import cli
from pipeline.compute.distributed import world
def app():
    with world(torch.device("cpu")) as together:
        assert together.total([1.0]) == [2.0]
        Path(sys.argv[1], str(together.rank)).write_text(str(os.getpid()))
        while True:
            together.any(False)
            time.sleep(0.01)
cli.app = app
cli.main()
"""
SHARED = {"GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "OMP_NUM_THREADS"}


@contextmanager
def two_processes(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """The launcher, and the process IDs of both ranks."""
    script = folder / "trainer.py"
    script.write_text(TRAINER)
    command = [sys.executable, "-m", "pipeline.compute.torchrun", "--nproc-per-node", "2"]
    environment = {name: value for name, value in os.environ.items() if name not in SHARED}
    environment["PYTHONPATH"] = str(REPOSITORY)
    launcher = subprocess.Popen(
        [*command, str(script), str(folder)],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        paths, end = [folder / "0", folder / "1"], time.monotonic() + 60
        while not all(path.exists() and path.read_text() for path in paths):
            assert launcher.poll() is None, launcher.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)
        yield launcher, [int(path.read_text()) for path in paths]
    finally:
        if launcher.poll() is None:
            for process in (*psutil.Process(launcher.pid).children(), launcher):
                process.kill()
            launcher.communicate()


def listening(pid: int) -> set[str]:
    connections = psutil.Process(pid).net_connections("tcp")
    return {known.laddr.ip for known in connections if known.status == psutil.CONN_LISTEN}


def test_nothing_listens_beyond_this_machine(tmp_path: Path) -> None:
    with two_processes(tmp_path) as (launcher, ranks):
        assert [listening(pid) for pid in (launcher.pid, *ranks)] == [{"127.0.0.1"}] * 3


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_is_reported_in_one_line(tmp_path: Path, rank: int) -> None:
    with two_processes(tmp_path) as (launcher, ranks):
        os.kill(ranks[rank], signal.SIGKILL)
        out, err = launcher.communicate(timeout=60)
    assert (launcher.returncode, out) == (137, "")
    assert err.splitlines() == [
        f"error: process {rank} of this training was ended by SIGKILL (memory may have run out); "
        "run the same command again to resume"
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:545] Connection closed by peer"), Disconnected),
        (distributed.DistBackendError("NCCL error: remote process exited"), Disconnected),
        (distributed.DistNetworkError("connection timed out"), Disconnected),
        (RuntimeError("invalid dtype"), RuntimeError),
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
    ],
)
def test_only_lost_connections_become_disconnected(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[Exception]
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(distributed, "all_gather_object", lost)
    with pytest.raises(expected) as raised:
        World(0, 2).gather(1)
    assert type(raised.value) is expected
