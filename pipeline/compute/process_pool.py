"""Parallel map over freshly spawned processes that end with the process that started them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import cv2

from pipeline.compute.worker_process import follow_parent, signals_held
from pipeline.errors import DataError

Key = TypeVar("Key")
Job = TypeVar("Job")
Result = TypeVar("Result")


def map_processes(
    function: Callable[[Job], Result], jobs: Mapping[Key, Job], workers: int, target: Path
) -> Iterator[tuple[Key, Result]]:
    """Call `function` with each job.

    Args:
        function: picklable: a top-level function, or a `functools.partial` of one.
        jobs: the argument of each call, by key.
        workers: number of processes; with one, everything runs in this process.
        target: file or folder that the work is about, for the error message.

    Yields:
        Key and result of each job, in order of completion.

    Raises:
        DataError: a process was killed.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        for key, job in jobs.items():
            yield key, function(job)
        return
    # Forking a process that already runs threads (PyTorch's, for example) can deadlock.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_prepare)
    try:
        with signals_held():
            futures = {pool.submit(function, job): key for key, job in jobs.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise DataError(
            f"{target}: a process at work on it was killed; use fewer workers, "
            "memory may have run out"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    follow_parent()
    cv2.setNumThreads(1)
