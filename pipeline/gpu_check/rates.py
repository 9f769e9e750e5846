"""Part `rates`: what the device reaches on plain operations, by which networks are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.gpu_check.meter import Meter
from pipeline.gpu_check.rows import Planned, Precision, RateRow
from pipeline.gpu_check.setting import Setting

CONVOLUTION_MACS = 64 * 64 * 9 * 256 * 256
"""Multiply-accumulates of `convolution` with a batch of one."""

CPU = torch.device("cpu")
_LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def convolution(
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
    layout: torch.memory_format = torch.contiguous_format,
    batch: int = 1,
) -> Callable[[], Tensor]:
    """A function that runs a 3x3 convolution from 64 to 64 channels on `[batch, 64, 256, 256]`."""
    image, weight = torch.rand(batch, 64, 256, 256), torch.rand(64, 64, 3, 3)
    image, weight = (value.to(device, dtype, memory_format=layout) for value in (image, weight))
    return lambda: functional.conv2d(image, weight, padding=1)


def matrix_product(
    device: torch.device, dtype: torch.dtype, side: int
) -> tuple[Callable[[], Tensor], int]:
    """A function that multiplies two square matrices, and its multiply-accumulates."""
    left, right = (torch.rand(side, side).to(device, dtype) for _ in range(2))
    return lambda: left @ right, side**3


def run(setting: Setting) -> Iterator[Planned | RateRow]:
    """Measure the best rate of both operations in every precision and memory layout."""
    names = [f"{kind} {precision}" for precision in setting.precisions for kind in _KINDS]
    yield Planned(names=tuple(names))
    for precision in setting.precisions:
        for kind, operations in _KINDS.items():
            yield _best(setting, kind, precision, operations)


def _best(
    setting: Setting, kind: str, precision: Precision, operations: Callable[..., _Operations]
) -> RateRow:
    device = setting.prepare(precision)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    meter, found = Meter(device), []
    with torch.inference_mode():
        for layout, run_once, macs in operations(setting, device, dtype):
            # Warm-up: libraries choose their algorithms at the first call.
            meter.seconds(run_once)
            times = meter.repeated(run_once, setting.scale.seconds_per_cell)
            found.append((2 * macs / min(times), layout))
    rate, layout = max(found)
    return RateRow(
        name=f"{kind} {precision}", kind=kind, precision=precision, layout=layout, flop_per_s=rate
    )


_Operations = Iterator[tuple[str, Callable[[], Tensor], int]]


def _convolutions(setting: Setting, device: torch.device, dtype: torch.dtype) -> _Operations:
    batch = setting.scale.rate_batch
    for name, layout in _LAYOUTS.items():
        yield name, convolution(device, dtype, layout, batch), batch * CONVOLUTION_MACS


def _products(setting: Setting, device: torch.device, dtype: torch.dtype) -> _Operations:
    run_once, macs = matrix_product(device, dtype, setting.scale.matrix_side)
    yield "", run_once, macs


_KINDS = {"convolution": _convolutions, "matrix product": _products}
