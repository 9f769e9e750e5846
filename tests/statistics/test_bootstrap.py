from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from pipeline.statistics.bootstrap import over_images, over_seeds_and_images, wilcoxon_p

# Sums of eighths are exact, so that a shift makes or breaks no ties between resamples.
NUMBERS = st.integers(-24, 24).map(lambda value: value / 8)
IMAGES = st.lists(NUMBERS, min_size=2, max_size=40)


def sample(seeds: int, images: int, *, seed_sd: float, image_sd: float, noise: float) -> NDArray:
    chance = np.random.default_rng(3)
    return (
        chance.normal(0, seed_sd, (seeds, 1))
        + chance.normal(0, image_sd, (1, images))
        + chance.normal(0, noise, (seeds, images))
    )


@settings(deadline=None, max_examples=40)
@given(IMAGES, NUMBERS)
def test_an_interval_moves_with_the_values(values: list[float], shift: float) -> None:
    low, high = over_images(values, draws=200)
    assert low <= high
    assert min(values) - 1e-9 <= low
    assert high <= max(values) + 1e-9
    moved = over_images([value + shift for value in values], draws=200)
    assert moved == pytest.approx((low + shift, high + shift), abs=1e-6)


def test_the_interval_over_images_is_that_of_scipy() -> None:
    values = np.random.default_rng(5).exponential(0.3, 76) - 0.2
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=10_000, rng=np.random.default_rng(0), batch=500
    ).confidence_interval
    assert over_images(values) == pytest.approx((expected.low, expected.high))
    assert over_images(values, seed=1) != over_images(values)
    assert over_images(values, seed=1) == over_images(values, seed=1)


def test_intervals_over_images_cover_the_mean() -> None:
    chance, covered = np.random.default_rng(7), 0
    for number in range(400):
        low, high = over_images(chance.exponential(1.0, 76), seed=number, draws=1000)
        covered += low <= 1.0 <= high
    assert 0.90 < covered / 400 < 0.98


def test_differences_that_are_all_equal() -> None:
    assert over_images([0.25] * 5) == (0.25, 0.25)


@pytest.mark.parametrize("images", ["shared", "nested"])
def test_draws_are_those_of_plain_loops(images: str) -> None:
    values = sample(4, 15, seed_sd=0.2, image_sd=0.4, noise=0.1) + 0.3
    chance, means = np.random.default_rng(11), []
    for _ in range(20_000):
        seeds = chance.integers(4, size=4)
        common = chance.integers(15, size=15)
        rows = [
            values[seed][common if images == "shared" else chance.integers(15, size=15)]
            for seed in seeds
        ]
        means.append(np.mean(rows))
    found = over_seeds_and_images(values, images=images, draws=20_000)  # type: ignore[arg-type]
    assert found == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.015)


def test_shared_images_do_not_average_out_over_seeds() -> None:
    values = sample(6, 30, seed_sd=0.0, image_sd=1.0, noise=0.05)
    widths = [np.ptp(over_seeds_and_images(values, images=kind)) for kind in ("shared", "nested")]  # type: ignore[arg-type]
    assert widths[0] > 1.8 * widths[1]


def test_seeds_widen_the_interval() -> None:
    alike = sample(5, 40, seed_sd=0.0, image_sd=0.3, noise=0.05)
    scattered = sample(5, 40, seed_sd=1.0, image_sd=0.3, noise=0.05)
    assert np.ptp(over_seeds_and_images(scattered)) > 2 * np.ptp(over_seeds_and_images(alike))


def test_equal_seeds_give_equal_intervals() -> None:
    values = sample(3, 10, seed_sd=0.1, image_sd=0.3, noise=0.1)
    assert over_seeds_and_images(values, seed=4) == over_seeds_and_images(values, seed=4)
    assert over_seeds_and_images(values, seed=4) != over_seeds_and_images(values, seed=5)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (6,)])
def test_too_little_to_resample(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="too few seeds or images"):
        over_seeds_and_images(np.ones(shape))
    with pytest.raises(ValueError, match="1 images"):
        over_images([0.5])


@settings(deadline=None, max_examples=15)
@given(IMAGES.filter(any))
def test_wilcoxon_is_that_of_scipy(values: list[float]) -> None:
    assert wilcoxon_p(values) == stats.wilcoxon(values).pvalue
    assert wilcoxon_p([-value for value in values]) == pytest.approx(wilcoxon_p(values))


def test_wilcoxon_without_any_difference() -> None:
    assert wilcoxon_p([0.0] * 8) == 1
