"""The same work on many items, in this process or in several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from pipeline.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_each(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, where: object
) -> Iterator[tuple[Item, Result]]:
    """Call `work` on every item; pairs of item and result as they come, in any order.

    Args:
        work: can be pickled, like its arguments and results.
        items: what to work on.
        workers: number of processes; 1 works in this one.
        where: folder or file that is made, for the message.

    Raises:
        DataError: a process was killed. Whatever `work` raises is passed on.
    """
    if workers <= 1:
        for item in items:
            yield item, work(item)
        return
    # Forking a process that already runs threads (PyTorch's, say) can deadlock.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=cv2.setNumThreads, initargs=(1,))
    try:
        jobs = {pool.submit(work, item): item for item in items}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    except BrokenProcessPool as error:
        raise DataError(
            f"{where}: a working process was killed; use fewer workers, memory may have run out"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
