"""What every reader of published weights returns, and the limits it enforces."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = dict[str, Array] | list[Array] | list[list[Array]]
"""What a file holds: arrays by name, or, if it has no names, a list of arrays or of layers.

A layer is the list of its arrays. Which network a list belongs to, and so the names of its arrays,
the method's `load_official` knows.
"""

MAX_BYTES = 1 << 31
"""Most bytes that the arrays of one file may take: ten times the largest published network."""

MAX_ARRAYS = 20_000
MAX_RATIO = 20
"""Most bytes of arrays per byte of the file: weights are noise, which hardly compresses."""

SMALL_BYTES = 1 << 26
"""Arrays of up to this size in all may expand further."""

_NUMBERS = "fiub"


class Unreadable(ValueError):
    """Why the content of a file cannot be used, without its name; and what the user can do."""

    def __init__(
        self, reason: str, remedy: str = "download the file again from the authors' own address"
    ) -> None:
        super().__init__(reason)
        self.remedy = remedy


def check_expansion(size: int, file_bytes: int) -> None:
    """Make sure that a file is not much smaller than the bytes that it unpacks to.

    Raises:
        Unreadable: `size` is beyond `MAX_BYTES`, or too large for a file of `file_bytes`.
    """
    if size > MAX_BYTES:
        raise Unreadable(f"claims {size} bytes, more than any published network")
    if size > max(SMALL_BYTES, MAX_RATIO * file_bytes):
        raise Unreadable(f"claims {size} bytes in a file of {file_bytes}, so it is not of weights")


def check_size(shapes: Iterable[tuple[tuple[int, ...], int]]) -> None:
    """Make sure that arrays of these shapes and item sizes (bytes) stay within the limits.

    Raises:
        Unreadable: they are too many or too large.
    """
    sizes = [math.prod(shape) * size for shape, size in shapes]
    if len(sizes) > MAX_ARRAYS:
        raise Unreadable(f"holds {len(sizes)} arrays, more than any published network")
    check_expansion(sum(sizes), MAX_BYTES)


def plain(weights: Weights) -> Weights:
    """The same arrays in C order and native byte order, floating-point ones as float32.

    Raises:
        Unreadable: there are none, or one does not hold finite numbers.
    """
    if isinstance(weights, dict):
        return _plain(weights)
    state = _plain(dict(_numbered(weights)))
    if isinstance(weights[0], list):
        arrays = iter(state.values())
        return [[next(arrays) for _ in layer] for layer in weights]
    return [*state.values()]


def _numbered(weights: Sequence[Array | list[Array]]) -> Iterator[tuple[str, Array]]:
    """Arrays of a list under names for error messages, counted from 1."""
    for position, item in enumerate(weights, 1):
        if isinstance(item, list):
            for index, array in enumerate(item, 1):
                yield f"array {index} of layer {position}", array
        else:
            yield f"array {position}", item


def _plain(state: dict[str, Array]) -> dict[str, Array]:
    if not state:
        raise Unreadable("holds no arrays")
    check_size((array.shape, array.itemsize) for array in state.values())
    result = {}
    for name, array in state.items():
        if array.dtype.kind not in _NUMBERS:
            raise Unreadable(f"{name} is of type {array.dtype}, not numbers")
        floating = array.dtype.kind == "f"
        kind = np.dtype(np.float32) if floating else array.dtype.newbyteorder("=")
        with np.errstate(over="ignore"):
            values = np.array(array, dtype=kind, order="C")
        if floating and not np.isfinite(values).all():
            raise Unreadable(f"{name} holds values that are not finite numbers")
        result[name] = values
    return result
