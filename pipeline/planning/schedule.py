"""How long jobs take on a number of GPUs: a simulation of their order."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.planning.job_needs import SAFETY, START_MINUTES
from pipeline.planning.speed import Speed

_MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class Task:
    """A job: expected hours, GPUs, and the numbers of those that it waits for, all before it."""

    hours: float
    gpus: int
    after: tuple[int, ...]


@dataclass(frozen=True)
class Schedule:
    """All jobs on `gpus` GPUs.

    `hours`: from the start of the first to the end of the last. `critical_path_hours`: of the
    longest chain of jobs that wait for each other; no number of GPUs is faster. `idle`: share of
    the GPUs' time in which nothing runs on them.
    """

    gpus: int
    hours: float
    critical_path_hours: float
    idle: float


def expected_hours(runtime: int, gpus: int, speed: Speed) -> float:
    """Expected hours of a job: its time limit without the margins.

    Args:
        runtime: time limit in minutes, at the default speed.
        gpus: of the job; with none, `speed` does not matter.
        speed: of a GPU.
    """
    minutes = max(0.0, runtime - START_MINUTES) / SAFETY
    return minutes / _MINUTES_PER_HOUR * (Speed().flops / speed.flops if gpus else 1.0)


def schedule(tasks: Sequence[Task], gpus: int) -> Schedule:
    """Simulate jobs on a number of GPUs, and as many cores as they ask for.

    Of the jobs that could start, the one with the longest chain behind it starts first.

    Raises:
        ConfigError: a job asks for more GPUs.

    Example:
        >>> tasks = [Task(1, 0, ()), Task(4, 1, (0,)), Task(2, 1, (0,)), Task(2, 1, (0,))]
        >>> schedule(tasks, 1)
        Schedule(gpus=1, hours=9.0, critical_path_hours=5.0, idle=0.111...)
        >>> schedule(tasks, 2)
        Schedule(gpus=2, hours=5.0, critical_path_hours=5.0, idle=0.199...)
    """
    most = max((task.gpus for task in tasks), default=0)
    if most > gpus:
        raise ConfigError(f"--gpus {gpus}: a job asks for {most} GPUs; give at least as many")
    chains = _chains(tasks)
    hours = _last_end(tasks, chains, gpus)
    busy = sum(task.hours * task.gpus for task in tasks)
    idle = 1 - busy / (gpus * hours) if hours else 0.0
    return Schedule(gpus, hours, max(chains, default=0.0), idle)


def _chains(tasks: Sequence[Task]) -> list[float]:
    """Hours of the longest chain that begins with each job."""
    chains = [0.0] * len(tasks)
    for number in reversed(range(len(tasks))):
        # What waits for it comes later, and has told how long its chain is.
        chains[number] += tasks[number].hours
        for before in tasks[number].after:
            chains[before] = max(chains[before], chains[number])
    return chains


def _last_end(tasks: Sequence[Task], chains: Sequence[float], gpus: int) -> float:
    waits = [len(task.after) for task in tasks]
    next_ones: list[list[int]] = [[] for _ in tasks]
    for number, task in enumerate(tasks):
        for before in task.after:
            next_ones[before].append(number)
    ready = sorted((number for number, left in enumerate(waits) if not left), key=_by(chains))
    running: list[tuple[float, int]] = []
    now, free = 0.0, gpus
    while ready or running:
        for number in [*ready]:
            if tasks[number].gpus <= free:
                ready.remove(number)
                free -= tasks[number].gpus
                heapq.heappush(running, (now + tasks[number].hours, number))
        now, ended = heapq.heappop(running)
        free += tasks[ended].gpus
        for number in next_ones[ended]:
            waits[number] -= 1
            if not waits[number]:
                ready.append(number)
        ready.sort(key=_by(chains))
    return now


def _by(chains: Sequence[float]) -> Callable[[int], float]:
    return lambda number: -chains[number]
