"""The machine's speed: the rate of a 3x3 convolution from 64 to 64 channels."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

CONVOLUTION_MACS = 64 * 64 * 9 * 256 * 256


def convolution() -> Callable[[], Tensor]:
    """A function that runs the convolution once, on `[1, 64, 256, 256]`."""
    image, weight = torch.rand(1, 64, 256, 256), torch.rand(64, 64, 3, 3)
    return lambda: functional.conv2d(image, weight, padding=1)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU time of a call, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu
