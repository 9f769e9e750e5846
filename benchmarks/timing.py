"""Time of a call."""

from __future__ import annotations

import time
from collections.abc import Callable


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU time of a call, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu
