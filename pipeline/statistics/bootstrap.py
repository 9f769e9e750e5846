"""Bootstrap intervals of a mean difference: over images, and over seeds and images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.means import CONFIDENCE

DRAWS = 10_000
_AT_ONCE = 500

Images = Literal["shared", "nested"]


def over_images(
    differences: Sequence[float] | NDArray[np.float64],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Interval of the mean over images, by resampling images (scipy's BCa).

    BCa corrects the percentiles for bias and skewness: differences of PSNR are skewed by the few
    images with large blur, and with 76 images the correction is cheap.

    Args:
        differences: one value per image, for example of two methods on the same image.
        seed: equal seeds give equal intervals.
        draws: number of resamples.
        confidence: of the interval.

    Raises:
        ValueError: there are fewer than two images.
    """
    from scipy.stats import bootstrap

    values = np.asarray(differences, dtype=np.float64)
    if values.size < 2:
        raise ValueError(f"{values.size} images cannot be resampled")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=draws,
        batch=_AT_ONCE,
        confidence_level=confidence,
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def over_seeds_and_images(
    differences: NDArray[np.float64],
    *,
    images: Images = "shared",
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Percentile interval of the mean, by resampling seeds and images.

    `shared`: every seed was scored on the same images, so each draw resamples the images once for
    all of its seeds (the pigeonhole bootstrap of Owen 2007). `nested`: every seed has images of its
    own, which are resampled seed by seed. On shared images, `nested` would let their differences in
    difficulty average out over the seeds, and the interval would be too narrow.

    With few seeds, percentile intervals are too narrow as well: the t-interval over seeds belongs
    beside them.

    Args:
        differences: `[seeds, images]`.
        images: how images belong to seeds.
        seed: equal seeds give equal intervals.
        draws: number of resamples.
        confidence: of the interval.

    Raises:
        ValueError: there are fewer than two seeds or images.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"an array of shape {values.shape} has too few seeds or images")
    chance, means = np.random.default_rng(seed), np.empty(draws)
    draw = _shared if images == "shared" else _nested
    for start in range(0, draws, _AT_ONCE):
        part = means[start : start + _AT_ONCE]
        part[:] = draw(values, part.size, chance)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _shared(
    values: NDArray[np.float64], draws: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    seeds, images = values.shape
    times_seed = chance.multinomial(seeds, np.full(seeds, 1 / seeds), draws)
    times_image = chance.multinomial(images, np.full(images, 1 / images), draws)
    return ((times_seed @ values) * times_image).sum(axis=1) / values.size


def _nested(
    values: NDArray[np.float64], draws: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    seeds, images = values.shape
    drawn = chance.integers(seeds, size=(draws, seeds))
    times_image = chance.multinomial(images, np.full(images, 1 / images), (draws, seeds))
    return (values[drawn] * times_image).sum(axis=(1, 2)) / values.size


def wilcoxon_p(differences: Sequence[float] | NDArray[np.float64]) -> float:
    """p-value of Wilcoxon's signed-rank test, two-sided (scipy); 1 if nothing differs."""
    from scipy.stats import wilcoxon

    values = np.asarray(differences, dtype=np.float64)
    if not values.any():
        return 1.0
    with warnings.catch_warnings():
        # Of few values or ties, for which scipy uses the normal approximation by itself.
        warnings.simplefilter("ignore", UserWarning)
        return float(wilcoxon(values).pvalue)
