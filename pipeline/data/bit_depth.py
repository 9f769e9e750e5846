"""Bit depth: the only place where 16-bit values become 8-bit ones or numbers in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(image: NDArray[np.uint16]) -> Tensor:
    """uint16 `[H, W, 3]` to float32 `[3, H, W]` in [0, 1]."""
    return scaled(np.ascontiguousarray(image.transpose(2, 0, 1)))


def scaled(planes: NDArray[np.uint16], *, pinned: bool = False) -> Tensor:
    """uint16 of any shape to float32 in [0, 1]: one correctly rounded division by 65535.

    Args:
        planes: the numbers.
        pinned: whether the result lies in page-locked memory.
    """
    tensor = torch.empty(planes.shape, pin_memory=pinned)
    values = tensor.numpy()
    np.copyto(values, planes)
    values /= np.float32(65535)
    return tensor


def at_depth(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """`values` as they are (16 bits), or what is left of them in 8, by truncation.

    The high byte v comes back as 257 v, which is to 65535 as v is to 255.
    """
    return values if bits == 16 else np.multiply(values >> 8, 257, dtype=np.uint16)
