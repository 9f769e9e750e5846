"""Which functions of `pipeline` each test runs: a pytest plugin, and the same in child processes.

`MUTATION_TRACE` names the folder that takes what was seen: `tests.jsonl` with a line per test, and
a file per child process. What a fixture of a whole module runs counts for every test of the file.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

_OPTIMIZED = 0x1
"""Set on functions, not on modules and classes, which run once in a process."""
_seen: set[CodeType] = set()
_failed: set[str] = set()
_CHILD = "from benchmarks import mutation_trace\nmutation_trace.follow_child()\n"


def _call(frame: FrameType, event: str, argument: Any) -> None:
    _seen.add(frame.f_code)


def _start() -> None:
    threading.settrace(_call)
    sys.settrace(_call)


def _take() -> set[str]:
    """Names of the functions that ran since the last call, `file:scope`."""
    found = set()
    for code in list(_seen):
        _, inside, file = code.co_filename.replace(os.sep, "/").rpartition("/pipeline/")
        if inside and code.co_flags & _OPTIMIZED and "site-packages" not in code.co_filename:
            parts = [part for part in code.co_qualname.split(".") if not part.startswith("<")]
            found.add(f"pipeline/{file}:{'.'.join(parts)}")
    _seen.clear()
    return found


def install(folder: Path) -> None:
    """Make Python processes whose path contains `folder` follow their own calls."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_CHILD, encoding="utf-8")


def follow_child() -> None:
    """Called at the start of every child process."""
    folder = os.environ.get("MUTATION_TRACE")
    if not folder or not os.environ.get("PYTEST_CURRENT_TEST"):
        return

    def leave() -> None:
        path = Path(folder, f"child-{os.getpid()}-{time.monotonic_ns()}.json")
        path.write_text(json.dumps(sorted(_take())), encoding="utf-8")

    atexit.register(leave)
    _start()


def _children(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in folder.glob("child-*.json"):
        try:
            found |= set(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            continue  # being written by a process that outlives its test
        path.unlink()
    return found


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the tests that fail: they cannot notice anything."""
    if report.failed:
        _failed.add(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note the functions of this test, and its seconds."""
    folder = Path(os.environ["MUTATION_TRACE"])
    _take()
    started = time.monotonic()
    _start()
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)
        line = {
            "test": item.nodeid,
            "seconds": round(time.monotonic() - started, 3),
            "functions": sorted(_take() | _children(folder)),
        }
        if item.nodeid not in _failed:
            with (folder / "tests.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
