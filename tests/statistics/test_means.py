from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.statistics.means import effect_size, mean_of, two_sided_p

NUMBERS = st.floats(-100, 100).map(lambda value: round(value, 3))
SAMPLES = st.lists(NUMBERS, min_size=2, max_size=12).filter(lambda values: np.std(values) > 1e-3)


@given(SAMPLES, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_interval_is_that_of_scipy(values: list[float], confidence: float) -> None:
    low, high = stats.t.interval(
        confidence, len(values) - 1, np.mean(values), stats.sem(values, ddof=1)
    )
    assert mean_of(values).interval(confidence) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


@given(SAMPLES)
def test_the_t_test_is_that_of_scipy(values: list[float]) -> None:
    assert two_sided_p(mean_of(values)) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


@given(SAMPLES, NUMBERS, st.floats(0, 50))
def test_equivalence_is_two_one_sided_tests_of_scipy(
    values: list[float], middle: float, margin: float
) -> None:
    low, high = middle - margin, middle + margin
    mean = mean_of(values)
    one = stats.ttest_1samp(values, low, alternative="greater").pvalue
    other = stats.ttest_1samp(values, high, alternative="less").pvalue
    found = mean.equivalence_p(low, high)
    assert found == pytest.approx(max(one, other), abs=1e-12)
    inner = mean.interval(0.9)
    if abs(found - 0.05) > 1e-9:
        assert (found < 0.05) == (low < inner[0] and inner[1] < high)


@given(st.lists(NUMBERS, min_size=1, max_size=12), st.floats(0.01, 10))
def test_with_a_known_spread_the_interval_is_normal(values: list[float], spread: float) -> None:
    error = spread / math.sqrt(len(values))
    expected = stats.norm.interval(0.95, np.mean(values), error)
    assert mean_of(values, spread=spread).interval() == pytest.approx(expected, abs=1e-9)


@given(SAMPLES)
def test_the_interval_of_another_run_covers_it_as_often_as_it_says(values: list[float]) -> None:
    mean = mean_of(values)
    low, high = mean.for_another_run().interval()
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1)
    half *= math.sqrt(1 + 1 / len(values))
    assert (high - low) / 2 == pytest.approx(half)
    assert (high + low) / 2 == pytest.approx(mean.value, abs=1e-9)


def test_prediction_intervals_cover_further_values() -> None:
    chance = np.random.default_rng(1)
    inside = 0
    for _ in range(2000):
        *values, further = chance.normal(26.0, 0.1, 4)
        low, high = mean_of(values).for_another_run().interval()
        inside += low <= further <= high
    assert 0.93 < inside / 2000 < 0.97


def test_values_without_spread() -> None:
    mean = mean_of([25.0], spread=0)
    assert mean.interval() == (25.0, 25.0)
    assert mean.equivalence_p(25.0, 26.0) == 0
    assert mean.equivalence_p(25.1, 26.0) == 1
    assert two_sided_p(mean) == 0
    assert two_sided_p(mean_of([0.0, 0.0])) == 1
    assert effect_size(mean) is None


@given(SAMPLES)
def test_effect_size(values: list[float]) -> None:
    assert effect_size(mean_of(values)) == pytest.approx(np.mean(values) / np.std(values, ddof=1))


@pytest.mark.parametrize("values", [[], [1.0]])
def test_too_few_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match=f"{len(values)} values"):
        mean_of(values)
