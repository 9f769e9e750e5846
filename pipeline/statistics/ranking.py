"""Orders: ranks of methods, and how far two orders agree."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Kendall's τ-b of two orders (-1 to 1), and the p-value for no association; NaN: none."""

    tau: float
    p_value: float


def ranks(values: Sequence[float], *, higher_is_better: bool) -> list[float]:
    """Rank of each value, 1 for the best; equal values share the mean of their ranks.

    >>> ranks([26.6, 26.8, 26.6], higher_is_better=True)
    [2.5, 1.0, 2.5]
    """
    from scipy.stats import rankdata

    signed = np.asarray(values, dtype=np.float64) * (-1 if higher_is_better else 1)
    return [float(rank) for rank in rankdata(signed)]


def kendall(one: Sequence[float], other: Sequence[float]) -> Agreement:
    """Kendall's τ-b of two series of values (scipy).

    NaN where one of them has fewer than two different values.
    """
    from scipy.stats import kendalltau

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = kendalltau(one, other)
    return Agreement(float(found.statistic), float(found.pvalue))
