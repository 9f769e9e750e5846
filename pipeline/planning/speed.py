"""Assumed speeds, from which GPU hours and time limits follow."""

from __future__ import annotations

from dataclasses import dataclass

CPU_FLOPS_PER_THREAD = 40e9
"""Floating-point operations per second of one thread, assumed: a third to a half of what training
steps reached in float32 on a server core (docs/performance.md)."""


@dataclass(frozen=True)
class Speed:
    """The GPU of an estimate; by default a V100, the paper's, in float32.

    `tflops`: peak in TFLOP/s, from NVIDIA's data sheet. `utilization`: fraction of the peak that is
    reached; assumed, not measured.
    """

    tflops: float = 15.7
    utilization: float = 0.35

    @property
    def flops(self) -> float:
        """Floating-point operations per second."""
        return self.tflops * 1e12 * self.utilization
