"""Runs a part in its own process: a failure, a crash or the end of its time stops nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from pipeline.errors import ConfigError, one_line
from pipeline.gpu_check.parts import MACHINE
from pipeline.gpu_check.rows import Machine, Outcome
from pipeline.gpu_check.scale import DeviceKind
from pipeline.public_text import public_report, public_text

OnRow = Callable[[int, int], None]
"""Called with the number of rows so far and of those planned."""

_MODULE = "pipeline.gpu_check.process"
_MACHINE_S = 300


@dataclass
class Ended:
    """How the process of a part ended, and what it had sent until then, as JSON-like data."""

    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    planned: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def receive(self, line: str) -> None:
        """Take one message of `pipeline.gpu_check.process`."""
        kind, _, text = line.partition("\t")
        data = public_report(json.loads(text), ".")
        if kind == "planned":
            self.planned = list(data["names"])
        elif kind == "row":
            self.rows.append(data)
        elif kind == "skipped":
            self.outcome, self.reason = "skipped", data["reason"]


def describe(kind: DeviceKind, log: Path) -> Machine:
    """Ask PyTorch, in another process, what the device is.

    Raises:
        ConfigError: there is none, or PyTorch cannot use it.
    """
    with _started(MACHINE, kind, log) as process, _killed_after(process, _MACHINE_S):
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        process.wait()
    if process.returncode or not lines:
        raise ConfigError(_last_line(log, process.returncode))
    return Machine.model_validate_json(lines[-1].partition("\t")[2])


def run_part(
    name: str, kind: DeviceKind, *, limit_s: float, log: Path, on_row: OnRow = lambda *_: None
) -> Ended:
    """Run a part to its end, the end of its time, or Ctrl-C.

    Args:
        name: of the part.
        kind: where it runs.
        limit_s: seconds after which it is killed; its rows until then are kept.
        log: file for what it prints.
        on_row: told about progress.
    """
    ended, started = Ended("done"), time.monotonic()
    with _started(name, kind, log) as process, _killed_after(process, limit_s) as late:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                ended.receive(line)
                on_row(len(ended.rows), len(ended.planned))
            process.wait()
        except KeyboardInterrupt:
            ended.outcome = "interrupted"
    ended.seconds = time.monotonic() - started
    if ended.outcome == "interrupted":
        ended.reason = "Ctrl-C or SIGTERM"
    elif late.is_set():
        ended.outcome, ended.reason = "out of time", f"its time was {limit_s:.0f} s"
    elif process.returncode:
        ended.outcome, ended.reason = "failed", _last_line(log, process.returncode)
    return ended


@contextmanager
def _started(name: str, kind: DeviceKind, log: Path) -> Iterator[subprocess.Popen[str]]:
    """The process; at the end it and everything that it started is killed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, name, kind],
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            # Ctrl-C comes here only; this process then ends the other.
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _kill(process)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def _killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[threading.Event]:
    """Kill the process after a time, which sets the event."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(max(seconds, 0.0), kill)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all its descendants, also those in sessions of their own."""
    with suppress(psutil.Error):
        whole = psutil.Process(process.pid)
        for each in [whole, *whole.children(recursive=True)]:
            with suppress(psutil.Error):
                each.kill()


def _last_line(log: Path, status: int | None) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if status is not None and status < 0:
        return f"ended by signal {-status}" + (" (memory may have run out)" if status == -9 else "")
    return one_line(public_text(lines[-1] if lines else f"status {status}"))
