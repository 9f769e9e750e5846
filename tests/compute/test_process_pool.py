"""Work in processes: all of it, in any order, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.paths import REPOSITORY

from pipeline.compute.process_pool import map_processes
from pipeline.errors import DataError

TARGET = Path("some") / "store"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done(workers: int) -> None:
    jobs = {name: name for name in "abc"}
    assert dict(map_processes(str.upper, jobs, workers, TARGET)) == {"a": "A", "b": "B", "c": "C"}


def test_a_killed_process_is_a_message() -> None:
    jobs = {number: number for number in range(2)}
    with pytest.raises(DataError, match=r"some/store: a process .* was killed; use fewer workers"):
        list(map_processes(os._exit, jobs, 2, TARGET))


def test_processes_end_with_the_one_that_started_them() -> None:
    code = (
        "import time, pathlib\n"
        "from pipeline.compute.process_pool import map_processes\n"
        "if __name__ == '__main__':\n"
        "    jobs = {0: 0, 1: 0, 2: 60, 3: 60}\n"
        "    for _ in map_processes(time.sleep, jobs, 2, pathlib.Path()):\n"
        "        print('done', flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "done\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(child.is_running() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [child for child in children if child.is_running()]
