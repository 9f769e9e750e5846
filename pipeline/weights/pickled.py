"""Read a pickled NumPy array of arrays without calling anything that the pickle names.

Unpickling calls any function that a file names. Here, each name that NumPy arrays need maps to a
stand-in in this module that records shape, type and bytes; every other name is an error. NumPy's
own functions are never called: some of them crash, or allocate without limit, on crafted input.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

from pipeline.weights.arrays import Array, Unreadable, check_size

_MAX_OPCODES = 200_000
_MAX_MEMO = 100_000
_MAX_DIMENSIONS = 8
_TYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}
_OBJECTS = {"O", "O4", "O8"}
# What NumPy's `__reduce__` needs in protocols 2 to 4, from Python 2 (strings) and 3 (bytes).
_OPCODES = {
    "PROTO", "FRAME", "STOP", "MARK", "POP", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET",
    "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "NONE", "NEWTRUE",
    "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG1", "EMPTY_TUPLE", "TUPLE", "TUPLE1",
    "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "SHORT_BINSTRING", "BINSTRING",
    "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
}  # fmt: skip


def read_array_of_arrays(content: bytes) -> list[Array]:
    """The arrays in a pickled one-dimensional object array, in order.

    Args:
        content: the pickle, written by Python 2 or 3.

    Raises:
        Unreadable: it is damaged, names anything else, or claims more than it holds.
    """
    _scan(content)
    try:
        outer = _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"its pickle is damaged ({type(error).__name__})") from error
    if not isinstance(outer, _Array) or not isinstance(outer.data, list) or len(outer.shape) != 1:
        raise Unreadable("its pickle is not a list of arrays")
    inner = [item for item in outer.data if isinstance(item, _Array)]
    if len(inner) != len(outer.data) or not all(isinstance(item.data, bytes) for item in inner):
        raise Unreadable("its pickle holds something else than arrays of numbers")
    check_size((item.shape, 8) for item in inner)
    return [item.array() for item in inner]


def _scan(content: bytes) -> None:
    """Reject opcodes that arrays don't need before executing any."""
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if opcode.name not in _OPCODES:
                raise Unreadable(f"its pickle uses {opcode.name}, which arrays don't need")
            if opcode.name.endswith("PUT") and not 0 <= int(argument or 0) < _MAX_MEMO:
                raise Unreadable("its pickle is damaged (memo)")
            if count > _MAX_OPCODES:
                raise Unreadable("its pickle is longer than any list of arrays")
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"its pickle is damaged ({type(error).__name__})") from error


class _Type:
    """Stands in for a `numpy.dtype`: type code and byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        _, order, *parts = _tuple(state, 4, 10)
        if order not in ("<", ">", "|", "=") or any(part is not None for part in parts[:3]):
            raise Unreadable("its pickle has a structured type")
        self.order = order


class _Array:
    """Stands in for a `numpy.ndarray`: shape, type, and bytes or a list."""

    __slots__ = ("data", "fortran", "kind", "shape")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.kind: _Type | None = None
        self.fortran = False
        self.data: bytes | list[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        # States before version 1 have no version number.
        shape, kind, fortran, data = _tuple(state, 4, 5)[-4:]
        if type(kind) is not _Type:
            raise Unreadable("its pickle has an array without type")
        shape = _tuple(shape, 0, _MAX_DIMENSIONS)
        if not all(type(side) is int and side >= 0 for side in shape):
            raise Unreadable("its pickle has an impossible shape")
        if type(data) is str:
            # Bytes written by Python 2 arrive as text with the same code points.
            data = data.encode("latin1")
        is_list = kind.code in _OBJECTS
        if type(data) is not (list if is_list else bytes):
            raise Unreadable("its pickle has an array without data")
        expected = math.prod(shape) * (1 if is_list else int(kind.code[1:]))
        if len(data) != expected:
            raise Unreadable(f"its pickle has an array of {len(data)} where {expected} belong")
        self.shape, self.kind, self.fortran, self.data = shape, kind, bool(fortran), data

    def array(self) -> Array:
        """The array itself, which must hold numbers."""
        assert self.kind is not None
        assert isinstance(self.data, bytes)
        values = np.frombuffer(self.data, np.dtype(self.kind.code).newbyteorder(self.kind.order))  # type: ignore[arg-type]
        return values.reshape(self.shape, order="F" if self.fortran else "C")


class _Named:
    """What a name in the pickle maps to; has no attributes, so that BUILD cannot change it."""

    __slots__ = ()


class _NoCall(_Named):
    __slots__ = ()


class _Reconstruct(_Named):
    __slots__ = ()

    def __call__(self, kind: object, shape: object, code: object) -> _Array:
        if not isinstance(kind, _NoCall):
            raise Unreadable("its pickle rebuilds something else than an array")
        return _Array()


class _MakeType(_Named):
    __slots__ = ()

    def __call__(self, code: object, align: object = False, copy: object = False) -> _Type:
        if not isinstance(code, str) or code not in _TYPES | _OBJECTS:
            raise Unreadable("its pickle has a type that is not a number")
        return _Type(code)


_NAMES: dict[tuple[str, str], _Named] = {
    ("numpy", "ndarray"): _NoCall(),
    ("numpy", "dtype"): _MakeType(),
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A stand-in, or an error; nothing is imported."""
        if (module, name) not in _NAMES:
            raise Unreadable(f"its pickle asks for {module}.{name}, which is never run here")
        return _NAMES[module, name]


def _tuple(value: Any, least: int, most: int) -> tuple[Any, ...]:
    if type(value) is not tuple or not least <= len(value) <= most:
        raise Unreadable("its pickle has an array of unknown form")
    return value
