"""Fuzzing of a reader: damaged inputs in, only declared errors out, each in time and in memory.

Example, a test of one reader:

    def test_tolerances(tmp_path: Path) -> None:
        read = from_file(tmp_path / "tolerances.yaml", load_tolerances)
        fuzz(read, mutations([TOLERANCES_FILE.read_bytes()]), refusals=(ConfigError,))

`DMTBENCH_FUZZ=50000 pytest tests/fuzz -rP` tries so many inputs per reader and prints the figures.
With `-p support.guided_fuzz`, inputs are chosen by the code that they reach.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from pipeline.errors import UserError
from support.mutations import Inputs

COUNT = int(os.environ.get("DMTBENCH_FUZZ", "100"))
"""Number of inputs per reader."""

LIMIT_S = 5.0
"""Processor time for one input."""
WAIT_LIMIT_S = 60.0
"""Time on the clock, which other processes may use up.

Its halves are counted: a process that is stopped for any time takes up one.
"""
LIMIT_BYTES = 1 << 30
"""Memory that a reader may take for one input, beyond what the process has."""

_SHOWN_FAILURES, _SHOWN_BYTES = 10, 300

Read = Callable[[bytes], object]


class TooSlow(BaseException):
    """An input took longer than its limit; no `except Exception` of a reader catches it."""


@dataclass
class Report:
    """What became of the inputs: their number by outcome, failures, and the slowest."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    slowest: int = 0

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {count}" for name, count in self.outcomes.most_common())
        total = self.outcomes.total()
        return f"{total} inputs: {shares}; slowest {self.slowest_s:.3f} s (number {self.slowest})"

    def add(self, read: Read, content: bytes, refusals: tuple[type[Exception], ...]) -> None:
        """Feed one more input to the reader and note what becomes of it."""
        number = self.outcomes.total()
        started = time.perf_counter()
        try:
            outcome = _outcome(read, content, refusals)
        except (Exception, TooSlow) as error:
            outcome = f"FAILED {type(error).__name__}"
            shown = repr(content[:_SHOWN_BYTES])
            self.failures.setdefault(_place(error), f"input {number}: {error!r:.200} {shown}")
        seconds = time.perf_counter() - started
        self.outcomes[outcome] += 1
        if seconds > self.slowest_s:
            self.slowest_s, self.slowest = seconds, number


def from_file(path: Path, reader: Callable[[Path], object]) -> Read:
    """`reader`, which takes a path, as a reader of bytes."""

    def read(content: bytes) -> object:
        path.write_bytes(content)
        return reader(path)

    return read


def seeded(
    read: Read, inputs: Inputs, refusals: tuple[type[Exception], ...], count: int, seed: int
) -> Report:
    """Input `n` is `inputs.damaged(random.Random(f"{seed}/{n}"))`, before it is wrapped."""
    report = Report()
    for number in range(count):
        report.add(read, inputs.damaged(random.Random(f"{seed}/{number}")), refusals)
    return report


feed = seeded
"""How inputs are chosen; `support.guided_fuzz` replaces it."""


def fuzz(
    read: Read,
    inputs: Inputs,
    *,
    refusals: tuple[type[Exception], ...],
    count: int = COUNT,
    seed: int = 0,
) -> Report:
    """Feed intact inputs to a reader, then `count` damaged ones.

    Args:
        read: must return, or raise one of `refusals` with a message of one line.
        inputs: see `support.mutations`.
        refusals: the errors that the reader declares.
        count: number of damaged inputs.
        seed: another one gives other inputs.

    Raises:
        AssertionError: an intact input was refused, which hides the code behind the refusal; or
            another error came out, a message has several lines, an input took longer than
            `LIMIT_S` or `WAIT_LIMIT_S`, or more memory than `LIMIT_BYTES`. One line for each
            place of failure.
    """

    def read_file(content: bytes) -> object:
        return read(inputs.wrap(content))

    for content in inputs.intact:
        outcome = _outcome(read_file, content, refusals)
        assert outcome == "accepted", f"an intact input: {outcome}"
    with _less_memory():
        report = feed(read_file, inputs, refusals, count, seed)
    print(report)
    listed = [f"{place}: {what}" for place, what in report.failures.items()][:_SHOWN_FAILURES]
    assert not report.failures, "\n".join([str(report), *listed])
    return report


def _outcome(read: Read, content: bytes, refusals: tuple[type[Exception], ...]) -> str:
    try:
        with _limited_time():
            read(content)
    except refusals as error:
        if isinstance(error, UserError):
            text = str(error)
            assert text.isprintable(), f"not one printable line: {text!r:.300}"
            assert len(text) < 2000, f"a message of {len(text)} characters: {text:.300}"
        return type(error).__name__
    return "accepted"


def _place(error: BaseException) -> str:
    """Type of an error and where it was raised, so that each cause is listed once."""
    frames = traceback.extract_tb(error.__traceback__)
    # A limit strikes anywhere: its place is that of the reader under test.
    ours = [frame for frame in frames if "/pipeline/" in frame.filename]
    last = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"


@contextmanager
def _limited_time() -> Iterator[None]:
    alarms = 0

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal alarms
        alarms += number == signal.SIGALRM
        if number == signal.SIGALRM and alarms < 2:
            return
        raise TooSlow(f"longer than allowed ({signal.Signals(number).name})")

    limits = {signal.ITIMER_PROF: LIMIT_S, signal.ITIMER_REAL: WAIT_LIMIT_S / 2}
    signals = (signal.SIGPROF, signal.SIGALRM)
    before: dict[int, Any] = {number: signal.signal(number, stop) for number in signals}
    for timer, seconds in limits.items():
        signal.setitimer(timer, seconds, seconds)
    try:
        yield
    finally:
        for timer in limits:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _less_memory() -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
