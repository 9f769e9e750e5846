"""Signals that end `dmtbench run`: passed on to Snakemake and all of its jobs."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from contextlib import ExitStack
from types import FrameType

import psutil  # type: ignore[import-untyped]

from pipeline.workflow.processes import end, marked, say

PATIENCE_S = 300.0
"""Seconds that jobs get to finish a step and save their state after a signal."""

_POLL_S = 0.2
_UNLOCK_S = 30.0
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals(ExitStack[None]):
    """Notes SIGINT, SIGTERM and SIGHUP, as a context manager; signals that are ignored stay so."""

    def __init__(self) -> None:
        super().__init__()
        self.received: signal.Signals | None = None
        self._again = False

    def __enter__(self) -> StopSignals:
        for number in _STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self.callback(signal.signal, number, signal.signal(number, self._note))
        return self

    def wait(self, process: subprocess.Popen[bytes], seconds: float) -> int | None:
        """Wait for Snakemake to end, at most this long; stop it if a signal was received.

        Returns:
            Its exit status; `None` while it runs.
        """
        if self.received is not None:
            self._stop(process, self.received)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def status(self, process: subprocess.Popen[bytes]) -> int:
        """The exit status of the whole run, as a shell reports it."""
        if self.received is not None:
            return 128 + self.received
        code = process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            say(f"Snakemake was ended by {name}; run the command again to resume")
        return code if code >= 0 else 128 - code

    def _note(self, number: int, _: FrameType | None) -> None:
        self._again = self.received is not None
        self.received = signal.Signals(number)

    def _stop(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        say(f"{number.name}: stopping Snakemake and its jobs; again to stop them at once")
        # First, or it would start more jobs.
        process.send_signal(signal.SIGTERM)

        def jobs() -> list[psutil.Process]:
            process.poll()
            return marked(lambda owner: owner.pid == process.pid and owner.is_here)

        # Without jobs it only tidies up, unless it started one at the last moment.
        for _ in range(round(_UNLOCK_S / _POLL_S)):
            end(jobs, PATIENCE_S, lambda: self._again)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
                return
        process.kill()
