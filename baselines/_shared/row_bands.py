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
    pixelwise: Callable[[Tensor, Tensor], object],
    weight: Tensor,
    bias: Tensor | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Depthwise 3x3 convolution (zero padding 1) of `pixelwise(image)`, band by band.

    Rows of `image` are not read again once their slice has been yielded: the caller may overwrite
    them.

    Args:
        image: `[1, H, W, C]`, contiguous.
        pixelwise: maps pixels, `[N, C]`, and writes the result to its second argument, `[N, D]`.
        weight: `[D, 1, 3, 3]`.
        bias: `[D]`.

    Yields:
        Slices of rows, and the convolution's values there, `[1, rows, W, D]`.
    """
    height, columns, channels = image.shape[1:]
    width = weight.shape[0]
    rows = min(band_rows(image, columns * width), height)
    # Two rows of the band before, the band, and the border below the last one.
    features = image.new_empty(1, rows + 3, columns, width)
    features[:, 0] = 0
    kept, first = 1, 0
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        end = kept + stop - start
        pixelwise(image[:, start:stop].view(-1, channels), features[0, kept:end].view(-1, width))
        if stop == height:
            features[:, end] = 0
            end += 1
        band = features[:, :end].permute(0, 3, 1, 2)
        done = functional.conv2d(band, weight, bias, padding=(0, 1), groups=width)
        features[:, :2] = features[:, end - 2 : end].clone()
        yield slice(first, first + end - 2), done.permute(0, 2, 3, 1)
        kept, first = 2, first + end - 2
