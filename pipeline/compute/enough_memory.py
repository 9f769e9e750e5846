"""One line instead of a traceback when a device has too little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.errors import NoMemory

_CPU_ALLOCATOR = "DefaultCPUAllocator"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU or the CPU has too little memory."""
    # The CPU's error has no type of its own.
    return isinstance(error, torch.OutOfMemoryError) or _CPU_ALLOCATOR in str(error)


@contextmanager
def enough_memory(what: str, remedy: str) -> Iterator[None]:
    """Explain it if memory runs out inside.

    Args:
        what: what is computed.
        remedy: what the user can do.

    Raises:
        NoMemory: the GPU or the CPU has too little memory.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise NoMemory(f"out of memory {what}; {remedy}") from error
