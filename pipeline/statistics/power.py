"""Power: how many seeds a paired comparison needs."""

from __future__ import annotations

import math

from scipy.special import nctdtr

from pipeline.statistics.means import quantile

POWER, LEVEL = 0.8, 0.05
_MOST = 10**6


def power_of(seeds: int, ratio: float, *, level: float = LEVEL) -> float:
    """Chance that a two-sided paired t-test finds a difference.

    Args:
        seeds: number of paired values, at least two.
        ratio: of the true difference to the spread of the paired differences; not 0.
        level: of the test.
    """
    limit, shift = quantile(seeds - 1, 1 - level / 2), abs(ratio) * math.sqrt(seeds)
    # The wrong tail, then all but the right one. Scipy gives NaN for some values that are almost 0.
    wrong, missed = nctdtr(seeds - 1, shift, [-limit, limit])
    return 1.0 - _or_nothing(missed) + _or_nothing(wrong)


def _or_nothing(probability: float) -> float:
    return 0.0 if math.isnan(probability) else float(probability)


def seeds_needed(
    difference: float, spread: float, *, power: float = POWER, level: float = LEVEL
) -> int | None:
    """The least number of paired seeds with which a difference is found with this power.

    By the noncentral t distribution.

    Args:
        difference: the true difference; not 0.
        spread: standard deviation of the paired differences over seeds.
        power: wanted chance of finding it.
        level: of the two-sided test.

    Returns:
        At least 2; `None` if not even a million are enough.

    >>> seeds_needed(0.16, 0.16), seeds_needed(0.16, 0.32)
    (10, 34)
    """
    if spread == 0:
        return 2
    ratio = difference / spread
    enough = 2
    while power_of(enough, ratio, level=level) < power:
        enough *= 2
        if enough > _MOST:
            return None
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if power_of(middle, ratio, level=level) < power:
            too_few = middle
        else:
            enough = middle
    return enough
