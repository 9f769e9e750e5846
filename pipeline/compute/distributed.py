"""Data-parallel training: `torchrun` starts the processes, each gets its part of every batch.

Gradients are summed here and not by `DistributedDataParallel`, because networks have several entry
points (`forward`, `forward_training`, `forward_sequence`), and a process whose part of a small
batch is empty runs no forward pass at all. They are summed after the backward pass and not during
it: a part of a batch that did not fit into memory may be computed again.

Facts that the host knows travel between CPUs, with gloo, so that exchanging them never waits for a
GPU. In every step they come first. A process that has failed is therefore noticed there, and no
other is left waiting on its GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from pipeline.compute.buckets import all_reduce_in_buckets
from pipeline.compute.nested import receive, send
from pipeline.errors import Disconnected, Stopped

Value = TypeVar("Value")

_TIMEOUT = timedelta(minutes=30)
"""Longest wait for a process that is alive: the main one may write a state to a slow disk."""


@dataclass(frozen=True)
class World:
    """The processes of one training: rank of this one, from 0, and their number."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def all_reduce_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its sum over all processes.

        A parameter without a gradient on any process keeps none. Every process takes part, even one
        without any gradient.
        """
        if self.size == 1:
            return
        parameters = [value for value in network.parameters() if value.requires_grad]
        present = torch.tensor([value.grad is not None for value in parameters], dtype=torch.uint8)
        with _connected():
            distributed.all_reduce(present, distributed.ReduceOp.MAX)
        gradients: list[Tensor] = []
        for value, anywhere in zip(parameters, present.tolist(), strict=True):
            if anywhere:
                value.grad = torch.zeros_like(value) if value.grad is None else value.grad
                gradients.append(value.grad)
        with _connected():
            all_reduce_in_buckets(gradients)

    def all_reduce(self, values: Tensor) -> Tensor:
        """Element-wise sums over all processes, on the device of `values`, which they replace."""
        if self.size > 1:
            with _connected():
                distributed.all_reduce(values)
        return values

    def total(self, values: Iterable[float]) -> list[float]:
        """Element-wise sums over all processes."""
        sums = self.all_reduce(torch.tensor([*values], dtype=torch.float64))
        return [float(value) for value in sums.tolist()]

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true on any process."""
        return flag if self.size == 1 else bool(self.total([float(flag)])[0])

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, in order of rank, on every process."""
        if self.size == 1:
            return [value]
        values: list[Value | None] = [None] * self.size
        with _connected():
            distributed.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def broadcast(self, value: Value) -> Value:
        """The main process's `value` on every process; what the others give does not count.

        Args:
            value: nested data; tensors are on the CPU.
        """
        if self.size == 1:
            return value
        with _connected():
            if self.is_main:
                send(value)
                return value
            received: Value = receive()
            return received

    def share(self, numbers: list[int]) -> list[int]:
        """This process's share of `numbers`."""
        return numbers[self.rank :: self.size]


ALONE = World()


@contextmanager
def world(device: torch.device) -> Iterator[World]:
    """Join the processes started by `torchrun`; without `torchrun`, this process alone.

    Args:
        device: device of this process; NCCL connects GPUs, gloo CPUs.

    Raises:
        Disconnected: another process has ended; methods of the world raise it too.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    with _connected():
        distributed.init_process_group(_backends(device), timeout=_TIMEOUT)
    try:
        yield World(distributed.get_rank(), size)
    except BaseException as error:
        # All processes stop together. One that fails must not wait for the others, as an orderly
        # end does on GPUs.
        if not isinstance(error, Stopped):
            distributed.distributed_c10d._abort_process_group()
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _backends(device: torch.device) -> str:
    """The connections to make; those between CPUs are always needed."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "cpu:gloo"


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # Errors of gloo have no type of their own.
        if not (isinstance(error, distributed.DistError) or "gloo" in str(error)):
            raise
        raise Disconnected(
            "lost another process of this training; its own message says why, and the same "
            "command resumes"
        ) from error
