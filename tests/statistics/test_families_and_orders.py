from __future__ import annotations

import itertools
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from pipeline.statistics.families import holm
from pipeline.statistics.power import power_of, seeds_needed
from pipeline.statistics.ranking import kendall, ranks

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
NUMBERS = st.lists(st.integers(-20, 20).map(lambda n: n / 4), min_size=2, max_size=10)


@given(P_VALUES, st.floats(0.001, 0.999))
def test_holm_rejects_what_its_steps_reject(values: list[float], level: float) -> None:
    rejected = set()
    for step, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[index] * (len(values) - step) > level:
            break
        rejected.add(index)
    assert {i for i, p in enumerate(holm(values)) if p <= level} == rejected


@given(P_VALUES)
def test_holm_lies_between_no_correction_and_bonferroni(values: list[float]) -> None:
    for p, adjusted in zip(values, holm(values), strict=True):
        assert p <= adjusted <= min(1.0, p * len(values)) or adjusted == pytest.approx(p)


@given(NUMBERS, st.booleans())
def test_ranks_count_what_is_better(values: list[float], higher: bool) -> None:
    for value, rank in zip(values, ranks(values, higher_is_better=higher), strict=True):
        better = sum(other > value if higher else other < value for other in values)
        assert rank == better + (1 + values.count(value)) / 2


@given(st.data(), st.integers(2, 9))
def test_kendall_counts_pairs(data: st.DataObject, size: int) -> None:
    series = st.lists(st.integers(0, 6), min_size=size, max_size=size)
    one, other = data.draw(series), data.draw(series)
    signs = [
        (np.sign(one[i] - one[j]), np.sign(other[i] - other[j]))
        for i, j in itertools.combinations(range(size), 2)
    ]
    untied = [math.sqrt(sum(pair[k] != 0 for pair in signs)) for k in (0, 1)]
    tau = kendall(one, other).tau
    if not all(untied):
        assert math.isnan(tau)
    else:
        assert tau == pytest.approx(sum(a * b for a, b in signs) / (untied[0] * untied[1]))


@given(st.integers(2, 200), st.floats(0.01, 3))
def test_power_is_that_of_the_noncentral_t(seeds: int, ratio: float) -> None:
    limit, shift = stats.t.ppf(0.975, seeds - 1), ratio * math.sqrt(seeds)
    expected = stats.nct.sf(limit, seeds - 1, shift) + stats.nct.cdf(-limit, seeds - 1, shift)
    if not math.isnan(expected):
        assert power_of(seeds, ratio) == pytest.approx(expected, abs=1e-8)
    assert power_of(seeds, -ratio) == power_of(seeds, ratio)


@pytest.mark.parametrize("ratio", [7.027030859073035, 0.16 / 0.03, 4.0, 12.5, 40.0])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_power_where_scipy_has_no_value_for_a_tail(seeds: int, ratio: float) -> None:
    # Given the spread, t is normal; the spread has the chi distribution.
    freedom = seeds - 1
    limit, shift = stats.t.ppf(0.975, freedom), ratio * math.sqrt(seeds)

    def missed(chi: float) -> float:
        spread = chi / math.sqrt(freedom)
        return float(stats.norm.cdf(limit * spread - shift) * stats.chi.pdf(chi, freedom))

    ends = (0, shift / limit * math.sqrt(freedom), math.inf)
    expected = 1 - sum(integrate.quad(missed, *part)[0] for part in pairwise(ends))
    assert power_of(seeds, ratio) == pytest.approx(expected, abs=1e-7)


def test_power_is_what_happens() -> None:
    values = np.random.default_rng(2).normal(0.16, 0.16, (4000, 10))
    found = (stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(power_of(10, 1.0), abs=0.02)


@given(st.floats(0.02, 5), st.floats(0.02, 5), st.floats(0.5, 0.95))
def test_needed_seeds_are_the_fewest(difference: float, spread: float, power: float) -> None:
    needed = seeds_needed(difference, spread, power=power)
    assert needed is not None
    assert power_of(needed, difference / spread) >= power
    assert needed == 2 or power_of(needed - 1, difference / spread) < power


def test_needed_seeds_at_the_ends() -> None:
    assert seeds_needed(0.16, 0.0) == 2
    assert seeds_needed(0.16, 1e-12) == 2
    assert seeds_needed(1e-9, 1.0) is None
