"""A mean over seeds and what its spread says: intervals and tests for equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Mean:
    """A mean and how well it is known.

    `spread`: standard deviation of one value (ddof 1, or known beforehand). `n`: number of values.
    `freedom`: degrees of freedom of the spread, infinite where it is known. `error`: standard
    error.

    Example:
        >>> mean = mean_of([25.0, 25.2, 25.4])
        >>> low, high = mean.interval()
        >>> round(mean.value, 3), round(low, 3), round(high, 3)
        (25.2, 24.703, 25.697)
    """

    value: float
    spread: float
    n: int
    freedom: float
    error: float

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Two-sided interval of the mean by Student's t."""
        half = self.error * quantile(self.freedom, (1 + confidence) / 2)
        return self.value - half, self.value + half

    def for_another_run(self) -> Mean:
        """The same mean with the error of the difference from one further value.

        Its `interval` is the prediction interval of that value: s √(1 + 1/n) instead of s / √n.
        """
        return replace(self, error=self.spread * math.sqrt(1 + 1 / self.n))

    def equivalence_p(self, low: float, high: float) -> float:
        """p-value of two one-sided t-tests (TOST) for: the mean lies between `low` and `high`.

        Below 0.05 exactly if the 90 % interval lies inside (Schuirmann 1987). Without any spread it
        is 0 for a value in [low, high] and 1 otherwise.
        """
        if self.error == 0:
            return 0.0 if low <= self.value <= high else 1.0
        return max(
            _upper_tail((self.value - low) / self.error, self.freedom),
            _upper_tail((high - self.value) / self.error, self.freedom),
        )


def mean_of(values: Sequence[float], *, spread: float | None = None) -> Mean:
    """The mean of one or more values.

    Args:
        values: at least one; two if `spread` is not given.
        spread: the standard deviation of one value, if it is known; 0 for values that would come
            out the same again.

    Raises:
        ValueError: there are too few values.
    """
    count = len(values)
    if count < 1 + (spread is None):
        raise ValueError(f"{count} values have no mean with a spread")
    own = float(np.std(values, ddof=1)) if spread is None else spread
    freedom = float(count - 1) if spread is None else math.inf
    return Mean(float(np.mean(values)), own, count, freedom, own / math.sqrt(count))


def quantile(freedom: float, probability: float) -> float:
    """Quantile of Student's t; of the normal distribution if `freedom` is infinite."""
    return float(stdtrit(freedom, probability))


def two_sided_p(mean: Mean) -> float:
    """p-value of the t-test for a mean of 0; without any spread 1 for 0 and otherwise 0."""
    if mean.error == 0:
        return float(mean.value == 0)
    return 2 * _upper_tail(abs(mean.value) / mean.error, mean.freedom)


def effect_size(mean: Mean) -> float | None:
    """Cohen's d of paired differences: their mean over their spread.

    `None` without a spread, or with one that is only rounding.
    """
    return mean.value / mean.spread if mean.spread > _ROUNDING * abs(mean.value) else None


def _upper_tail(t: float, freedom: float) -> float:
    return float(stdtr(freedom, -t))
