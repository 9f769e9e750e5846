"""Bit depth and value range: the only place where 16-bit values become 8-bit ones or floats."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PEAK = 65535
"""Largest 16-bit value; it becomes 1.0."""

Real = TypeVar("Real", np.float32, np.float64)


def at_depth(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """`values` unchanged (16 bits), or truncated to 8 bits.

    The high byte v comes back as 257 v, which is to 65535 as v is to 255: a float made of it is the
    correctly rounded v / 255.
    """
    return values if bits == 16 else np.multiply(values >> 8, 257, dtype=np.uint16)


def unit_range(values: NDArray[np.uint16], dtype: type[Real]) -> NDArray[Real]:
    """uint16 of any shape to `dtype` in [0, 1]: one correctly rounded division by 65535."""
    return values.astype(dtype) / dtype(PEAK)


def to_uint16(image: NDArray[Any]) -> NDArray[np.uint16]:
    """Floats of any shape to uint16: clipped to [0, 1], scaled, rounded to the nearest value."""
    return np.rint(np.clip(image, 0, 1) * PEAK).astype(np.uint16)


def to_tensor(image: NDArray[np.uint16]) -> Tensor:
    """uint16 `[H, W, C]` to float32 `[C, H, W]` in [0, 1]."""
    return scaled(np.ascontiguousarray(image.transpose(2, 0, 1)))


def scaled(planes: NDArray[np.uint16], *, pinned: bool = False) -> Tensor:
    """uint16 of any shape to a float32 tensor in [0, 1], as `unit_range` does it.

    Args:
        planes: the values.
        pinned: whether the result lies in page-locked memory.
    """
    tensor = torch.empty(planes.shape, pin_memory=pinned)
    values = tensor.numpy()
    np.copyto(values, planes)
    values /= np.float32(PEAK)
    return tensor
