"""Nested data of rank 0 for all processes: tensors in flat buckets, the rest as one small object.

An object with all tensors in it would be held several times over: pickled, as the message, and
unpickled.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import torch
from torch import Tensor, distributed

from pipeline.compute.buckets import broadcast_in_buckets


class _Outline(pickle.Pickler):
    """Pickles all but the tensors, which it collects in their order."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.tensors: list[Tensor] = []

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return None
        self.tensors.append(value)
        return value.shape, value.stride(), value.dtype


class _Blank(pickle.Unpickler):
    """The data with tensors of the right shape and layout, whose content is still to come."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.tensors: list[Tensor] = []

    def persistent_load(self, described: Any) -> Tensor:
        shape, strides, dtype = described
        layout = torch.empty_strided(shape, strides, dtype=dtype, device="meta")
        self.tensors.append(torch.empty_like(layout, device="cpu"))
        return self.tensors[-1]


def send(data: Any) -> None:
    """Send nested data with tensors on the CPU to all other processes."""
    stream = io.BytesIO()
    outline = _Outline(stream)
    outline.dump(data)
    distributed.broadcast_object_list([stream.getvalue()])
    broadcast_in_buckets(outline.tensors, sends=True)


def receive() -> Any:
    """What rank 0 has sent."""
    message: list[Any] = [None]
    distributed.broadcast_object_list(message)
    blank = _Blank(io.BytesIO(message[0]))
    data = blank.load()
    broadcast_in_buckets(blank.tensors, sends=False)
    return data
