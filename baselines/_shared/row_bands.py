"""Inference in bands of rows: wide layers never hold full-resolution features as a whole.

A pixelwise layer, a depthwise 3x3 convolution and another pixelwise layer are computed for a few
rows at a time. Each band passes on the two rows that the next one needs, so nothing is computed
twice; results differ from those of the whole image only by rounding. A band should fit in a CPU's
cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

_MIN_ROWS = 4
_CPU_VALUES = 2**20
_OTHER_VALUES = 2**28


def is_piecewise(x: Tensor) -> bool:
    """Whether to compute in bands: only in inference on actual values.

    Training and mixed precision process whole images. So do operation counters, which trace the
    network or run it on the meta device, and therefore see the layers as published; and exported
    programs, in which the number of bands cannot depend on the size.
    """
    return not (
        torch.is_grad_enabled()
        or torch.compiler.is_exporting()
        or torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
        or x.is_meta
        or torch.is_autocast_enabled(x.device.type)
    )


def band_rows(x: Tensor, values_per_row: int, unit: int = 1) -> int:
    """Rows of a band whose widest feature has `values_per_row` values; a multiple of `unit`."""
    budget = _CPU_VALUES if x.device.type == "cpu" else _OTHER_VALUES
    return max(budget // values_per_row // unit, -(-_MIN_ROWS // unit)) * unit


def depthwise_bands(
    image: Tensor,
    hidden: Callable[[Tensor], Tensor],
    weight: Tensor,
    bias: Tensor | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Depthwise 3x3 convolution (zero padding 1) of `hidden(image)`, band by band.

    Rows of `image` are not read again once their slice has been yielded: the caller may overwrite
    them.

    Args:
        image: `[1, H, W, C]`, contiguous.
        hidden: maps `[1, rows, W, C]` to `[1, rows, W, D]`, each pixel independently.
        weight: `[D, 1, 3, 3]`.
        bias: `[D]`.

    Yields:
        Slices of rows, and the convolution's values there, `[1, rows, W, D]`.
    """
    height, columns = image.shape[1:3]
    width = weight.shape[0]
    rows = band_rows(image, columns * width)
    border = image.new_zeros(1, 1, columns, width)
    above, first = border, 0
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        below = [border] if stop == height else []
        band = torch.cat([above, hidden(image[:, start:stop]), *below], dim=1)
        done = functional.conv2d(
            band.permute(0, 3, 1, 2), weight, bias, padding=(0, 1), groups=width
        )
        yield slice(first, first + done.shape[2]), done.permute(0, 2, 3, 1)
        first += done.shape[2]
        above = band[:, -2:]
