"""Many tensors as few messages: they travel in flat buckets.

A message for each of the 1021 to 1973 tensors of a network costs more than their content.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, distributed
from torch._utils import _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors

BUCKET_BYTES = 25 * 2**20
"""What `DistributedDataParallel` sends at once by default; a larger tensor travels alone."""

_IN_FLIGHT = 2
"""Buckets at a time: one is filled or emptied while the other is on its way."""


class _Sent(NamedTuple):
    """A bucket on its way."""

    tensors: list[Tensor]
    flat: Tensor
    work: distributed.Work


def all_reduce_in_buckets(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by its sum over all processes.

    All processes give tensors of the same types and shapes in the same order; strides may differ.
    Memory: two buckets.
    """
    pending: deque[_Sent] = deque()
    for bucket in _buckets(tensors):
        flat = _flat(bucket)
        work = distributed.all_reduce(flat, async_op=True)
        pending.append(_Sent(bucket, flat, work))
        if len(pending) == _IN_FLIGHT:
            _arrive(pending.popleft())
    for sent in pending:
        _arrive(sent)


def broadcast_in_buckets(tensors: Sequence[Tensor], *, sends: bool) -> None:
    """Replace every tensor by that of rank 0; requirements as for sums.

    Memory: one bucket, used again and again. Gloo would hold on to fresh ones for a while.

    Args:
        tensors: those to send, or those to fill.
        sends: whether this process is rank 0.
    """
    buffer = torch.empty(0)
    for bucket in _buckets(tensors):
        size = sum(value.numel() for value in bucket)
        if buffer.dtype != bucket[0].dtype or len(buffer) < size:
            buffer = bucket[0].new_empty(max(size, BUCKET_BYTES // bucket[0].element_size()))
        flat = buffer[:size]
        if sends:
            torch.cat([value.reshape(-1) for value in bucket], out=flat)
        distributed.broadcast(flat, 0)
        if not sends:
            _copy_back(bucket, flat)


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    buckets = _take_tensors(tensors, BUCKET_BYTES)  # type: ignore[no-untyped-call]
    return cast(Iterator[list[Tensor]], buckets)


def _flat(bucket: list[Tensor]) -> Tensor:
    return cast(Tensor, _flatten_dense_tensors(bucket))  # type: ignore[no-untyped-call]


def _arrive(sent: _Sent) -> None:
    sent.work.wait()
    _copy_back(sent.tensors, sent.flat)


def _copy_back(bucket: list[Tensor], flat: Tensor) -> None:
    parts = _unflatten_dense_tensors(flat, bucket)  # type: ignore[no-untyped-call]
    torch._foreach_copy_(bucket, [*parts])
