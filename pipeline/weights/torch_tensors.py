"""Make arrays of what a PyTorch pickle says of tensors, given the bytes of their storages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.weights.arrays import Array, Unreadable
from pipeline.weights.pickle_machine import Made, Named, Stored

_MAX_DIMENSIONS = 16
_BFLOAT16 = "bfloat16"
_TYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", _BFLOAT16: "u2", "int64": "i8",
    "int32": "i4", "int16": "i2", "int8": "i1", "uint64": "u8", "uint32": "u4", "uint16": "u2",
    "uint8": "u1", "bool": "?", "complex64": "c8", "complex128": "c16",
}  # fmt: skip
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": _BFLOAT16,
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128", "Untyped": "uint8",
}  # fmt: skip

Fetch = Callable[["Storage"], bytes]
"""The bytes of a storage, which may be more or less than it claims."""


class Storage:
    """What a pickle says of a storage: its key, type and number of elements."""

    def __init__(self, identifier: Any) -> None:
        kind, type_, key, _, count, *view = _tuple(identifier, 5, 6)
        name = type_.text.rpartition(".")[2].lstrip("_") if isinstance(type_, Named) else ""
        self.type = _STORAGES.get(name.removesuffix("Storage"), "")
        self.key = key
        self.count = count
        if kind != "storage" or not isinstance(key, str) or not _is_count(count):
            raise Unreadable("is damaged (a storage)")
        if not self.type or view not in ([], [None]):
            raise Unreadable("holds tensors that are not plain")

    @property
    def bytes(self) -> int:
        """The number of bytes that it claims."""
        return self.count * np.dtype(_TYPES[self.type]).itemsize


class Tensor:
    """A tensor: a view of a storage."""

    def __init__(self, name: str, made: Made) -> None:
        self.name = name
        function, arguments = _innermost(made)
        if function not in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            raise self._not_plain()
        stored, offset, shape, strides, *rest = _tuple(arguments, 4, 9)
        if not isinstance(stored, Stored):
            raise self._not_plain()
        self.storage = Storage(stored.identifier)
        self.type = self.storage.type
        if function == "_rebuild_tensor_v3":
            type_ = rest[2] if len(rest) > 2 else None
            self.type = type_.text.removeprefix("torch.") if isinstance(type_, Named) else ""
        self.shape = _sizes(shape)
        self._strides = _sizes(strides)
        self._offset = offset
        # The metadata of a conjugate or a negative.
        odd = any(isinstance(item, dict) and item for item in rest[2:])
        if self.type not in _TYPES or odd:
            raise self._not_plain()
        if len(self.shape) != len(self._strides) or not _is_count(offset):
            raise Unreadable(f"is damaged ({name})")

    @property
    def itemsize(self) -> int:
        """Bytes of one number, as an array."""
        return 4 if self.type == _BFLOAT16 else np.dtype(_TYPES[self.type]).itemsize

    def array(self, content: bytes, order: str) -> Array:
        """The numbers, given the bytes of the storage and their order, `<` or `>`.

        Raises:
            Unreadable: the tensor is larger than its storage.
        """
        values = np.frombuffer(content, np.dtype(_TYPES[self.type]).newbyteorder(order))  # type: ignore[arg-type]
        steps = zip(self.shape, self._strides, strict=True)
        last = self._offset + sum((side - 1) * stride for side, stride in steps)
        if math.prod(self.shape) and last >= values.size:
            raise Unreadable(f"is damaged ({self.name} is larger than its numbers)")
        if self.type == _BFLOAT16:
            values = (values.astype(np.uint32) << 16).view(np.float32)
        if not math.prod(self.shape):
            return np.zeros(self.shape, values.dtype)
        strides = [stride * values.itemsize for stride in self._strides]
        start = values[self._offset :]
        return np.lib.stride_tricks.as_strided(start, self.shape, strides, writeable=False)

    def _not_plain(self) -> Unreadable:
        return Unreadable(f"{self.name} is not a plain tensor")


def is_tensor(item: Any) -> bool:
    """Whether this stands for a tensor, plain or not."""
    if not isinstance(item, Made):
        return False
    module, _, function = item.callee.text.rpartition(".")
    return module in ("torch._utils", "torch._tensor") and function.startswith("_rebuild_")


def _innermost(made: Made) -> tuple[str, Any]:
    """The function and arguments that make the tensor within a parameter or a subclass."""
    for _ in range(4):
        function = made.callee.text.rpartition(".")[2]
        if function.startswith("_rebuild_parameter"):
            (inner, *_) = _tuple(made.arguments, 2, 5)
            if not isinstance(inner, Made):
                break
            made = inner
        elif function == "_rebuild_from_type_v2":
            inner, type_, arguments, _ = _tuple(made.arguments, 4, 4)
            if not isinstance(inner, Named) or not isinstance(type_, Named):
                break
            made = Made(inner, arguments)
        else:
            return function, made.arguments
    return "", ()


def _sizes(value: Any) -> tuple[int, ...]:
    if isinstance(value, Made):
        # torch.Size of one tuple.
        (value,) = _tuple(value.arguments, 1, 1)
    sizes = _tuple(value, 0, _MAX_DIMENSIONS)
    if not all(_is_count(size) for size in sizes):
        raise Unreadable("is damaged (an impossible shape)")
    return sizes


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def _tuple(value: Any, least: int, most: int) -> tuple[Any, ...]:
    if type(value) is not tuple or not least <= len(value) <= most:
        raise Unreadable("is damaged (a tensor of unknown form)")
    return value
