"""Data-parallel training: `torchrun` starts the processes, each gets its part of every batch.

Gradients are summed here and not by `DistributedDataParallel`, because networks have several entry
points (`forward`, `forward_training`, `forward_sequence`), and a process whose part of a small
batch is empty runs no forward pass at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from pipeline.errors import Disconnected

Value = TypeVar("Value")


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

        A parameter without a gradient on any process keeps none.
        """
        if self.size == 1:
            return
        parameters = [value for value in network.parameters() if value.requires_grad]
        device = parameters[0].device
        present = torch.tensor([value.grad is not None for value in parameters], device=device)
        present = present.to(torch.int32)
        with _connected():
            distributed.all_reduce(present, distributed.ReduceOp.MAX)
        anywhere = present.tolist()
        shared = [value for value, known in zip(parameters, anywhere, strict=True) if known]
        for value in shared:
            if value.grad is None:
                value.grad = torch.zeros_like(value)
        with _connected():
            pending = [
                distributed.all_reduce(value.grad, async_op=True)
                for value in shared
                if value.grad is not None
            ]
            for work in pending:
                work.wait()

    def total(self, values: Iterable[float]) -> list[float]:
        """Element-wise sums over all processes."""
        sums = torch.tensor([*values], dtype=torch.float64)
        if self.size > 1:
            sums = self._to_backend_device(sums)
            with _connected():
                distributed.all_reduce(sums)
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

    def share(self, numbers: list[int]) -> list[int]:
        """This process's share of `numbers`."""
        return numbers[self.rank :: self.size]

    def _to_backend_device(self, values: Tensor) -> Tensor:
        # NCCL only handles GPU tensors.
        return values.cuda() if distributed.get_backend() == "nccl" else values


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
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


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
