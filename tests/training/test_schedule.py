"""Learning rates by hand, and the length of a training."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.miniatures import recipe

from pipeline.training.loop import is_validated
from pipeline.training.schedule import TrainingSchedule, cosine, multistep


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        # Four steps of warm-up to 0.8, then eight of a cosine down to 0.2.
        (0, 0.2),
        (2, 0.6),
        (3, 0.8),
        (4, 0.8),
        (6, 0.2 + 0.3 * (1 + math.sqrt(0.5))),
        (8, 0.5),
        (10, 0.2 + 0.3 * (1 - math.sqrt(0.5))),
        (12, 0.2),
        (20, 0.2),
    ],
)
def test_by_hand(step: int, expected: float) -> None:
    assert cosine(step, 12, 4, 0.8, 0.2) == pytest.approx(expected, rel=1e-12)


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert cosine(0, 10, 0, 1e-4, 0.0) == 1e-4
    assert cosine(10, 10, 0, 1e-4, 0.0) == pytest.approx(0, abs=1e-20)


def test_warm_up_only() -> None:
    assert [cosine(step, 2, 2, 1.0, 0.0) for step in range(3)] == [0.5, 1.0, 1.0]


@given(st.integers(1, 50), st.integers(0, 50), st.floats(1e-6, 1), st.floats(0, 1))
def test_rises_then_falls_within_its_bounds(
    steps: int, warmup: int, peak: float, share: float
) -> None:
    final, warmup = peak * share, min(warmup, steps)
    rates = [cosine(step, steps, warmup, peak, final) for step in range(steps)]
    assert all(0 < rate <= peak * (1 + 1e-9) for rate in rates[:warmup])
    assert all(final * (1 - 1e-9) <= rate <= peak * (1 + 1e-9) for rate in rates[warmup:])
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)


@given(st.integers(1, 60), st.integers(1, 80))
def test_validations_are_counted_spread_and_end_with_the_last(epochs: int, wanted: int) -> None:
    settings = recipe(epochs=epochs, validations=wanted)
    scored = [epoch for epoch in range(1, epochs + 1) if is_validated(epoch, settings)]
    assert len(scored) == min(epochs, wanted)
    assert scored[-1] == epochs
    gaps = {after - before for before, after in zip([0, *scored], scored, strict=False)}
    assert max(gaps) - min(gaps) <= 1


def test_a_length_by_hand() -> None:
    # 5 windows twice are 10 crops: a step of 6 and a step of the 4 that are left.
    schedule = TrainingSchedule(recipe(epochs=3, passes_per_epoch=2, batch_size=6, accumulate=2), 5)
    assert (schedule.steps_per_epoch, schedule.samples) == (2, 30)
    assert [schedule.samples_at(step) for step in range(7)] == [0, 6, 10, 16, 20, 26, 30]


def test_warm_up_and_cosine_are_in_epochs() -> None:
    rule = {"kind": "cosine", "final_learning_rate": 0.0, "warmup_epochs": 1}
    schedule = TrainingSchedule(recipe(epochs=3, schedule=rule, batch_size=2, learning_rate=0.8), 8)
    rates = [schedule.learning_rate(step) for step in range(12)]
    assert rates[:4] == [0.2, pytest.approx(0.4), pytest.approx(0.6), 0.8]
    assert rates[4] == 0.8
    assert rates[8] == pytest.approx(0.4)
    assert 0 < rates[11] < 0.05


def test_a_constant_stretch_comes_before_the_cosine() -> None:
    # Restormer's: 92 of 300 epochs, then one cosine over the other 208.
    rates = [cosine(step, 300, 0, 3e-4, 1e-6, constant=92) for step in (0, 91, 92, 196, 299)]
    assert rates[:3] == [3e-4, 3e-4, 3e-4]
    assert rates[3] == pytest.approx((3e-4 + 1e-6) / 2)
    assert 1e-6 < rates[4] < 1.1e-6


def test_milestones() -> None:
    rates = [multistep(step, [60, 120], 0.5, 0.8) for step in (0, 59, 60, 119, 120, 500)]
    assert rates == [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]
    rule = {"kind": "multistep", "milestones": [1, 3], "factor": 0.1}
    schedule = TrainingSchedule(recipe(epochs=4, batch_size=2, schedule=rule, learning_rate=1.0), 4)
    found = [schedule.learning_rate(step) for step in range(8)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_phases_change_crop_and_batch() -> None:
    phases = (
        {"epochs": 1, "crop": 16, "batch_size": 4},
        {"epochs": 2, "crop": 32, "batch_size": 1},
    )
    changes = {"passes_per_epoch": None, "steps_per_epoch": 3, "crop": 32, "epochs": 3}
    schedule = TrainingSchedule(recipe(phases=phases, **changes), 100)
    made = [(schedule.batches(step).crop, schedule.batches(step).batch_size) for step in range(9)]
    assert made == [(16, 4)] * 3 + [(32, 1)] * 6
    assert [schedule.samples_at(step) for step in (0, 2, 3, 4, 9)] == [0, 8, 12, 13, 18]


def test_a_companion_takes_every_second_step() -> None:
    companion = {"batch_size": 1, "crop": 16, "crops_from": "images", "frames": 4}
    schedule = TrainingSchedule(recipe(epochs=2, batch_size=3, companion=companion), 7)
    # 7 windows are batches of 3, 3 and 1, each followed by a clip of four frames.
    assert (schedule.steps_per_epoch, schedule.samples) == (6, 38)
    assert [schedule.batches(step).frames for step in range(7)] == [1, 4, 1, 4, 1, 4, 1]
    assert [schedule.samples_at(step) for step in range(8)] == [0, 3, 7, 10, 14, 15, 19, 22]
