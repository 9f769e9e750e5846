"""The operating system's page cache, for measurements that start cold."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
from pathlib import Path

import numpy as np


def drop(files: list[Path]) -> float:
    """Drop the files from the page cache.

    Returns:
        The share of their pages that are still cached, 0 to 1.

    Raises:
        OSError: `mincore` failed.
    """
    gc.collect()
    libc, pages, present = ctypes.CDLL(None, use_errno=True), 0, 0
    for path in files:
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            view = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)
        states = np.zeros(-(-len(view) // mmap.PAGESIZE), np.uint8)
        addresses = [np.frombuffer(view, np.uint8).ctypes.data, states.ctypes.data]
        start, result = map(ctypes.c_void_p, addresses)
        if libc.mincore(start, ctypes.c_size_t(len(view)), result):
            raise OSError(ctypes.get_errno(), "mincore failed")
        pages, present = pages + len(states), present + int((states & 1).sum())
        view.close()
    return present / pages
