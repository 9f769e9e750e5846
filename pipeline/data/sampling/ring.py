"""Shared memory through which worker processes hand over the pixels of batches."""

from __future__ import annotations

import errno
import mmap
import os
import sys
import tempfile
import weakref
from multiprocessing import reduction
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray

from pipeline.config.blocks import Compute
from pipeline.config.recipe import Batches, Recipe
from pipeline.data.sampling.steps import main_kinds

_BYTES = np.dtype(np.uint16).itemsize


class Ring:
    """Buffers for one batch each, in memory that worker processes share.

    All of it is reserved at once, so that no later write can fail. No file system limits its size:
    only where the system has no memory of that kind, it is a nameless file in /dev/shm.

    `slots`: the buffers, uint16 `[slots, elements]`.

    Args:
        slots: number of buffers.
        elements: values in each.

    Raises:
        OSError: there is not enough memory.
    """

    def __init__(self, slots: int, elements: int) -> None:
        size = slots * elements * _BYTES
        if size > psutil.virtual_memory().available:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        file = _nameless_file()
        try:
            os.posix_fallocate(file, 0, size)
        except OSError:
            os.close(file)
            raise
        self._map(file, slots, elements)

    def _map(self, file: int, slots: int, elements: int) -> None:
        memory = mmap.mmap(file, slots * elements * _BYTES)
        self.slots: NDArray[np.uint16] = np.frombuffer(memory, np.uint16).reshape(slots, elements)
        self._file = file
        weakref.finalize(self, os.close, file)

    def __getstate__(self) -> tuple[Any, ...]:
        return reduction.DupFd(self._file), *self.slots.shape

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        file, slots, elements = state
        self._map(file.detach(), slots, elements)


def _nameless_file() -> int:
    try:
        return os.memfd_create("crops")
    except (AttributeError, OSError):
        # Python was built for an old system, or a sandbox forbids it.
        with tempfile.TemporaryFile(dir="/dev/shm") as file:
            return os.dup(file.fileno())


def open_ring(compute: Compute, elements: int) -> Ring | None:
    """A ring for the configured workers and batches ahead, or for fewer where memory is short.

    A line on standard error says so if it is short.

    Args:
        compute: number of workers, at least one, and of batches that each reads ahead.
        elements: values of the largest batch.

    Returns:
        The ring; `None` if there is no memory even for one batch ahead.
    """
    ahead, reason = compute.prefetch, ""
    while ahead:
        try:
            ring = Ring(_slots(compute.loader_workers, ahead), elements)
        except OSError as error:
            ahead, reason = ahead // 2, str(error.strerror)
            continue
        if reason:
            _warn(compute, elements, reason, f"each worker reads {ahead} batches ahead")
        return ring
    _warn(compute, elements, reason, "the workers send their crops through pipes, which is slower")
    return None


def batches_ahead(ring: Ring, workers: int) -> int:
    """How many batches each worker may read ahead, so that none of them meets a buffer in use."""
    return (len(ring.slots) - 1) // workers


def ring_bytes(
    recipe: Recipe, compute: Compute, *, views: int, window: int, world_size: int = 1
) -> int:
    """Bytes of the ring of each training process, before any training; the ring has at most these.

    Args:
        recipe: of the training.
        compute: number of workers and of batches that each reads ahead.
        views: how many the method sees.
        window: side of the training windows in pixels.
        world_size: number of training processes.
    """
    if not compute.loader_workers:
        return 0
    kinds = [*main_kinds(recipe), *filter(None, [recipe.companion])]
    crops = max(share_of(kind, world_size) * (kind.crop or window) ** 2 for kind in kinds)
    return _slots(compute.loader_workers, compute.prefetch) * elements_of(crops, views) * _BYTES


def share_of(batches: Batches, world_size: int) -> int:
    """Crops of the largest share that one of `world_size` processes has of such a batch."""
    return -(-batches.batch_size // world_size) * batches.frames


def elements_of(pixels: int, views: int) -> int:
    """Values of crops of so many pixels in all: of each view and of the target, RGB."""
    return 3 * (views + 1) * pixels


def _slots(workers: int, ahead: int) -> int:
    # One for each batch that is being read, and one that is being handed out.
    return workers * ahead + 1


def _warn(compute: Compute, elements: int, reason: str, instead: str) -> None:
    wanted = _slots(compute.loader_workers, compute.prefetch) * elements * _BYTES
    print(
        f"warning: {wanted / 1e6:.0f} MB of shared memory for crops: {reason}; {instead}",
        file=sys.stderr,
        flush=True,
    )
