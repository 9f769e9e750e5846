"""What every reader of published weights gives, and the limits it keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MAX_BYTES = 1 << 31
"""The most that the arrays of one file may take: ten times the largest published network."""

MAX_ARRAYS = 20_000
_NUMBERS = "fiub"


class Unreadable(ValueError):
    """Why a file's content cannot be used, without its name."""


def check_size(shapes: Iterable[tuple[tuple[int, ...], int]]) -> None:
    """Make sure that arrays of these shapes and item sizes keep the limits.

    Raises:
        Unreadable: they are too many or too large.
    """
    sizes = [math.prod(shape) * size for shape, size in shapes]
    if len(sizes) > MAX_ARRAYS:
        raise Unreadable(f"holds {len(sizes)} arrays, more than any published network")
    if sum(sizes) > MAX_BYTES:
        raise Unreadable(f"claims {sum(sizes)} bytes, more than any published network")


def plain(state: Mapping[str, Array]) -> dict[str, Array]:
    """The same arrays in C order and native byte order, floating ones as float32.

    Raises:
        Unreadable: there are none, one is not of numbers, or holds values that are not finite.
    """
    if not state:
        raise Unreadable("holds no arrays")
    check_size((array.shape, array.itemsize) for array in state.values())
    result = {}
    for name, array in state.items():
        if array.dtype.kind not in _NUMBERS:
            raise Unreadable(f"{name} is of type {array.dtype}, no numbers")
        floating = array.dtype.kind == "f"
        kind = np.dtype(np.float32) if floating else array.dtype.newbyteorder("=")
        with np.errstate(over="ignore"):
            values = np.array(array, dtype=kind, order="C")
        if floating and not np.isfinite(values).all():
            raise Unreadable(f"{name} holds values that are not finite numbers")
        result[name] = values
    return result
