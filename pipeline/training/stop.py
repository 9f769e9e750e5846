"""Requests to stop: a signal, a time limit, or the end of the batch job that this process is in."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType

from pipeline.errors import ConfigError

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
# A save that takes longer than the longest so far must still fit.
_SAVES_IN_HAND = 2
JOB_END = "SLURM_JOB_END_TIME"
"""When SLURM ends the job of this process, in seconds of the epoch; it sets this variable."""
_JOB_MARGIN_S = 60.0


def duration(text: str) -> float:
    """Seconds of a text like `3h50m`, `90s` or `1d2h`.

    Raises:
        ConfigError: it is not a duration.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ConfigError(f"{text!r} is not a duration; write it like 3h50m, 90s or 1d2h")
    return float(
        sum(
            int(number) * seconds
            for number, seconds in zip(found.groups(), _UNITS.values(), strict=True)
            if number
        )
    )


class StopRequest(ExitStack[None]):
    """Notices SIGTERM, SIGINT and the end of the time, as a context manager.

    The time ends at `limit_s` or with the batch job (`JOB_END`), whichever comes first. It counts
    as over as long before as the longest step and two saves took so far, for a job also a minute:
    its clock is another machine's, and processes take a while to end.

    A second SIGINT ends the program as usual.

    Args:
        limit_s: seconds from now, saving included; `None` for no limit.
    """

    def __init__(self, limit_s: float | None = None) -> None:
        super().__init__()
        started = time.monotonic()
        ends = {"the time limit": limit_s, f"the end of the job ({JOB_END})": _left_of_job()}
        self._ends = {why: started + left for why, left in ends.items() if left is not None}
        self._longest_save, self._longest_step, self._signal = 0.0, 0.0, ""
        self._looked: float | None = None

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.callback(signal.signal, number, signal.signal(number, self._note))
        return self

    @property
    def reason(self) -> str:
        """Why to stop now; empty if there is no reason."""
        now = time.monotonic()
        if self._looked is not None:
            self._longest_step = max(self._longest_step, now - self._looked)
        self._looked = now
        if self._signal or not self._ends:
            return self._signal
        why, end = min(self._ends.items(), key=lambda item: item[1])
        needed = _SAVES_IN_HAND * self._longest_save + self._longest_step
        return why if end - now <= needed else ""

    def note_save(self, seconds: float) -> None:
        """Note how long a save took, so that there is time for one at the end."""
        self._longest_save = max(self._longest_save, seconds)
        self._looked = time.monotonic()

    def _note(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = name
        print(f"{name}: stopping after this step", file=sys.stderr, flush=True)


def _left_of_job() -> float | None:
    """Seconds until the batch job ends, less a margin; `None` outside a job or without a limit."""
    try:
        end = float(os.environ[JOB_END])
    except (KeyError, ValueError):
        return None
    return end - time.time() - _JOB_MARGIN_S
