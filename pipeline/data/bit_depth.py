"""Bit depth and value range: the only place where 8-bit and 16-bit values and floats are converted.

PyTorch is loaded only by the functions that return tensors: checking images doesn't need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

PEAK = 65535
"""Largest 16-bit value; it becomes 1.0."""

Real = TypeVar("Real", np.float32, np.float64)

_STEP = 257  # 65535 = 257 * 255: the 16-bit step that equals one 8-bit step.


def widened(values: NDArray[Any]) -> NDArray[np.uint16]:
    """8-bit values v of any integer type, as the 16-bit values 257 v of the same brightness.

    257 v / 65535 is exactly v / 255, and the high byte is v again.

    >>> widened(np.array([0, 1, 255], np.uint8)).tolist()
    [0, 257, 65535]
    """
    return np.multiply(values, _STEP, dtype=np.uint16)


def at_depth(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """`values` unchanged (16 bits), or truncated to their high byte (8 bits) and widened again.

    >>> at_depth(np.array([255, 256, 65535], np.uint16), 8).tolist()
    [0, 257, 65535]
    """
    return values if bits == 16 else widened(values >> 8)


def unit_range(values: NDArray[np.uint8] | NDArray[np.uint16], dtype: type[Real]) -> NDArray[Real]:
    """uint8 or uint16 of any shape to `dtype` in [0, 1]: one correctly rounded division.

    >>> unit_range(np.array([0, 51, 255], np.uint8), np.float64).tolist()
    [0.0, 0.2, 1.0]
    """
    return values.astype(dtype) / dtype(np.iinfo(values.dtype).max)


def to_uint8(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Floats of any shape to uint8: clipped to [0, 1], scaled, rounded to the nearest value."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def to_uint16(image: NDArray[Any]) -> NDArray[np.uint16]:
    """Floats of any shape to uint16: clipped to [0, 1], scaled, rounded to the nearest value."""
    return np.rint(np.clip(image, 0, 1) * PEAK).astype(np.uint16)


def to_tensor(image: NDArray[np.uint16]) -> Tensor:
    """uint16 `[H, W, C]` to float32 `[C, H, W]` in [0, 1]."""
    return scaled(np.ascontiguousarray(image.transpose(2, 0, 1)))


def scaled(planes: NDArray[np.uint16], *, pinned: bool = False) -> Tensor:
    """uint16 of any shape to a float32 tensor in [0, 1], with the same values as `unit_range`.

    Args:
        planes: the values.
        pinned: whether the result lies in page-locked memory.
    """
    import torch

    tensor = torch.empty(planes.shape, pin_memory=pinned)
    values = tensor.numpy()
    np.copyto(values, planes)
    values /= np.float32(PEAK)
    return tensor
