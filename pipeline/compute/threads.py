"""Cores of this machine, and the threads of torch that a process takes of them."""

from __future__ import annotations

import os

from pipeline.config.blocks import Compute

THREADS = "OMP_NUM_THREADS"
"""Environment variable with the threads of a job; Snakemake sets it."""


def cores_here() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def job_threads() -> int:
    """Threads that this job was given; all cores of the machine where nobody gave it any."""
    given = os.environ.get(THREADS, "")
    return int(given) if given.isdecimal() and int(given) else cores_here()


def threads_of(compute: Compute) -> int:
    """Threads of torch in this process: the processes of a training share those of their job."""
    if compute.torch_threads != "auto":
        return compute.torch_threads
    return max(1, job_threads() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
