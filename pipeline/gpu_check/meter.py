"""Time and memory of work on a device, which runs after the call that started it has returned."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from pipeline.compute.enough_memory import is_out_of_memory

_FEWEST, _MOST = 3, 50


@dataclass(frozen=True)
class Peak:
    """Peak memory of the device in bytes: of tensors, and of what PyTorch took for them."""

    allocated: int
    reserved: int


class Meter:
    """Measures work on one device.

    Args:
        device: CUDA, or the CPU, of which no memory is measured.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._is_cuda = device.type == "cuda"

    def seconds(self, run: Callable[[], object]) -> float:
        """Seconds until the work that `run` starts is finished."""
        self._synchronize()
        started = time.perf_counter()
        run()
        self._synchronize()
        return time.perf_counter() - started

    def repeated(self, run: Callable[[], object], at_least_s: float) -> list[float]:
        """Seconds of each of several runs: three or more, for `at_least_s` in total, 50 at most."""
        times: list[float] = []
        while len(times) < _FEWEST or (sum(times) < at_least_s and len(times) < _MOST):
            times.append(self.seconds(run))
        return times

    def typical(self, run: Callable[[], object], at_least_s: float) -> tuple[float, int]:
        """Median seconds of `repeated`, and the number of runs."""
        times = self.repeated(run, at_least_s)
        return median(times), len(times)

    def start_peak(self) -> None:
        """Free what is cached, and begin to note the peak of memory."""
        gc.collect()
        if self._is_cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> Peak | None:
        """The peak since `start_peak`; `None` on a CPU."""
        if not self._is_cuda:
            return None
        return Peak(
            torch.cuda.max_memory_allocated(self.device),
            torch.cuda.max_memory_reserved(self.device),
        )

    def _synchronize(self) -> None:
        if self._is_cuda:
            torch.cuda.synchronize(self.device)


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error is, or comes from, too little memory."""
    while error is not None:
        if is_out_of_memory(error):
            return True
        error = error.__cause__ or error.__context__
    return False
