"""Being told to stop: by a signal, or by a limit of time."""

from __future__ import annotations

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


def duration(text: str) -> float:
    """Seconds of a text like `3h50m`, `90s` or `1d2h`.

    Raises:
        ConfigError: it is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ConfigError(f"{text!r} is no length of time; write it like 3h50m, 90s or 1d2h")
    return float(
        sum(
            int(number) * seconds
            for number, seconds in zip(found.groups(), _UNITS.values(), strict=True)
            if number
        )
    )


class StopRequest(ExitStack[None]):
    """Notices SIGTERM, SIGINT and the end of the time, as a context manager.

    A second SIGINT ends the program as usual.

    Args:
        limit_s: seconds from now, saving included; `None` for no limit.
    """

    def __init__(self, limit_s: float | None = None) -> None:
        super().__init__()
        self._started, self._limit = time.monotonic(), limit_s
        self._longest_save, self._signal = 0.0, ""

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.callback(signal.signal, number, signal.signal(number, self._note))
        return self

    @property
    def reason(self) -> str:
        """Why to stop now; empty if there is no reason."""
        if self._signal or self._limit is None:
            return self._signal
        left = self._limit - (time.monotonic() - self._started)
        return "the time limit" if left <= _SAVES_IN_HAND * self._longest_save else ""

    def note_save(self, seconds: float) -> None:
        """Say how long it took to save, so that there is time for it at the end."""
        self._longest_save = max(self._longest_save, seconds)

    def _note(self, number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = name
        print(f"{name}: stopping after this step", file=sys.stderr, flush=True)
