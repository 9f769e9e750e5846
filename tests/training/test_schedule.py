"""Learning rates by hand, and the length of a training."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from miniatures import recipe

from pipeline.training.loop import Plan, is_validated
from pipeline.training.schedule import learning_rate


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
    assert learning_rate(step, 12, 4, 0.8, 0.2) == pytest.approx(expected, rel=1e-12)


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert learning_rate(0, 10, 0, 1e-4, 0.0) == 1e-4
    assert learning_rate(10, 10, 0, 1e-4, 0.0) == pytest.approx(0, abs=1e-20)


def test_warm_up_only() -> None:
    assert [learning_rate(step, 2, 2, 1.0, 0.0) for step in range(3)] == [0.5, 1.0, 1.0]


@given(st.integers(1, 50), st.integers(0, 50), st.floats(1e-6, 1), st.floats(0, 1))
def test_rises_then_falls_within_its_bounds(
    steps: int, warmup: int, peak: float, share: float
) -> None:
    final, warmup = peak * share, min(warmup, steps)
    rates = [learning_rate(step, steps, warmup, peak, final) for step in range(steps)]
    assert all(0 < rate <= peak * (1 + 1e-9) for rate in rates[:warmup])
    assert all(final * (1 - 1e-9) <= rate <= peak * (1 + 1e-9) for rate in rates[warmup:])
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)


@given(st.integers(1, 60), st.integers(1, 80))
def test_validations_are_counted_spread_and_end_with_the_last(epochs: int, wanted: int) -> None:
    plan = recipe(epochs=epochs, validations=wanted)
    scored = [epoch for epoch in range(1, epochs + 1) if is_validated(epoch, plan)]
    assert len(scored) == min(epochs, wanted)
    assert scored[-1] == epochs
    gaps = {after - before for before, after in zip([0, *scored], scored, strict=False)}
    assert max(gaps) - min(gaps) <= 1


def test_a_plan_by_hand() -> None:
    # 5 windows twice are 10 crops: a step of 2 x 3 and a step of the 4 that are left.
    plan = Plan.of(recipe(epochs=3, passes_per_epoch=2, batch_size=3, accumulate=2), 5)
    assert (plan.per_epoch, plan.steps_per_epoch, plan.samples) == (10, 2, 30)
    assert [plan.samples_at(step) for step in range(7)] == [0, 6, 10, 16, 20, 26, 30]


def test_warm_up_and_cosine_are_in_epochs() -> None:
    plan = Plan.of(recipe(epochs=3, warmup_epochs=1, batch_size=2, learning_rate=0.8), 8)
    rates = [plan.learning_rate(step) for step in range(12)]
    assert rates[:4] == [0.2, pytest.approx(0.4), pytest.approx(0.6), 0.8]
    assert rates[4] == 0.8
    assert rates[8] == pytest.approx(0.4)
    assert 0 < rates[11] < 0.05
