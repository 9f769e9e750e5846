"""The simulated schedule: bounds that hold for every order, and cases with a known answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.planning.job_needs import Needs
from pipeline.planning.schedule import Task, expected_hours, schedule
from pipeline.planning.speed import Speed


@st.composite
def some_tasks(draw: st.DrawFn) -> list[Task]:
    tasks: list[Task] = []
    for number in range(draw(st.integers(1, 12))):
        after = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        hours, gpus = draw(st.integers(0, 9)), draw(st.integers(0, 2))
        tasks.append(Task(float(hours), gpus, tuple(sorted(after))))
    return tasks


@given(some_tasks(), st.integers(2, 5))
def test_bounds_of_every_schedule(tasks: list[Task], gpus: int) -> None:
    found = schedule(tasks, gpus)
    busy = sum(task.hours * task.gpus for task in tasks)
    assert found.hours >= max(found.critical_path_hours, busy / gpus)
    assert found.hours <= sum(task.hours for task in tasks)
    assert found.idle == pytest.approx(1 - busy / gpus / found.hours if found.hours else 0)
    # With a GPU for every job, nothing waits but for what it needs.
    plenty = schedule(tasks, 2 * len(tasks))
    assert plenty.hours == plenty.critical_path_hours == found.critical_path_hours


def test_the_longest_chain_starts_first() -> None:
    # In the order of the list, the last one would start when the others are done.
    tasks = [*(Task(1.0, 1, ()) for _ in range(4)), Task(4.0, 1, ())]
    assert schedule(tasks, 2).hours == 4
    # A short job with much behind it comes before a longer one.
    tasks = [Task(2.0, 1, ()), Task(1.0, 1, ()), Task(3.0, 0, (1,))]
    assert schedule(tasks, 1).hours == 4


def test_a_job_without_gpu_waits_for_no_gpu() -> None:
    tasks = [Task(5.0, 1, ()), Task(5.0, 0, ()), Task(5.0, 0, ())]
    assert schedule(tasks, 1).hours == 5


def test_too_few_gpus() -> None:
    with pytest.raises(
        ConfigError, match=r"--gpus 1: a job asks for 2 GPUs; give at least as many"
    ):
        schedule([Task(1.0, 2, ())], 1)


def test_hours_are_those_that_the_time_limit_was_made_of() -> None:
    hours = expected_hours(Needs.of(0, 7 * 3600).runtime, 1, Speed())
    # The limit is rounded up to ten minutes.
    assert 7 <= hours <= 7 + 5 / 60
    twice = Speed(2 * Speed.tflops)
    limit = Needs.of(0, 7 * 3600).runtime
    assert expected_hours(limit, 1, twice) == pytest.approx(hours / 2)
    assert expected_hours(limit, 0, twice) == hours
