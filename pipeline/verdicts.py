"""The rule behind every verdict: values over seeds against the values that count as the same.

docs/verdicts.md states it in words. Tables, `dmtbench verdicts` and `dmtbench verify` all use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.config.methods import WITHOUT_NETWORK
from pipeline.config.tolerances import Tolerance
from pipeline.records import ResultRecord
from pipeline.statistics.means import Mean, mean_of, quantile

Verdict = Literal[
    "reproduced",
    "differs (better)",
    "differs (worse)",
    "inconclusive",
    "not run",
    "not comparable",
]
VERDICTS: dict[Verdict, str] = {
    "reproduced": "shown to lie within the tolerance",
    "differs (better)": "shown to lie outside the tolerance, on the better side",
    "differs (worse)": "shown to lie outside the tolerance, on the worse side",
    "inconclusive": "neither is shown",
    "not run": "a value is missing",
    "not comparable": "another data set or protocol",
}
BETTER: Verdict = "differs (better)"
WORSE: Verdict = "differs (worse)"
LEVEL = 0.05
ENOUGH_SEEDS = 3
"""From as many seeds on, their own spread counts: with two, t has one degree of freedom."""


@dataclass(frozen=True)
class Zone:
    """The values that count as the published one, from `low` to `high`.

    `spread`: the standard deviation over seeds of one value, if it is known; the zone contains the
    share of it that the published run, a single one, may have.
    """

    low: float
    high: float
    spread: float | None = None

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2

    @property
    def text(self) -> str:
        """For readers."""
        return f"{self.low:.4g} to {self.high:.4g}"


@dataclass(frozen=True)
class Judgement:
    """A verdict, the reason in one sentence, and the p-value of the test for equivalence.

    `equivalence_p` is `None` where nothing could be tested.
    """

    verdict: Verdict
    reason: str = ""
    equivalence_p: float | None = None


def zone_around(published: float, tolerance: Tolerance, *, seeded: bool) -> Zone:
    """The values that count as a published one.

    Args:
        published: the printed value.
        tolerance: of its metric.
        seeded: whether it is the result of a training, which another seed would have moved.
    """
    spread = tolerance.spread if seeded else 0.0
    half = tolerance.fixed + quantile(float("inf"), 1 - LEVEL / 2) * (spread or 0.0)
    return Zone(published - half, published + half, spread)


def depends_on_seed(record: ResultRecord) -> bool:
    """Whether another seed would give another result: a network that was trained here."""
    given = record.label in ("official weights", "given weights")
    return not given and record.method_kind not in WITHOUT_NETWORK


def judge(
    values: Sequence[float], zone: Zone, *, seeded: bool, higher_is_better: bool
) -> Judgement:
    """The verdict on the mean of `values`, two-sided.

    Args:
        values: one per seed, at least one.
        zone: the values that count as the published one.
        seeded: whether another seed would give another value.
        higher_is_better: direction of the metric.

    >>> zone = Zone(26.615, 26.645)
    >>> judge([26.61, 26.63, 26.65], zone, seeded=True, higher_is_better=True).verdict
    'inconclusive'
    >>> judge([26.628, 26.63, 26.631], zone, seeded=True, higher_is_better=True).verdict
    'reproduced'
    >>> judge([26.1, 26.2, 26.15], zone, seeded=True, higher_is_better=True).verdict
    'differs (worse)'
    """
    mean = _known(values, zone, seeded)
    if mean is None:
        place = "inside" if zone.low <= sum(values) / len(values) <= zone.high else "outside"
        return Judgement(
            "inconclusive",
            f"{place} {zone.text}, but the spread over seeds is unknown: "
            f"{len(values)} of {ENOUGH_SEEDS} seeds",
        )
    p = mean.equivalence_p(zone.low, zone.high)
    if p < LEVEL:
        return Judgement("reproduced", f"within {zone.text}", p)
    # As long as the zone lacks the spread of the published run, ours stands in for it.
    low, high = (mean.for_another_run() if zone.spread is None else mean).interval()
    if high < zone.low or low > zone.high:
        better = (low > zone.high) == higher_is_better
        return Judgement(BETTER if better else WORSE, f"outside {zone.text}", p)
    return Judgement("inconclusive", f"neither inside nor outside {zone.text} for certain", p)


def _known(values: Sequence[float], zone: Zone, seeded: bool) -> Mean | None:
    """The mean with its error; `None` if nothing is known about the error."""
    if not seeded:
        return mean_of(values, spread=0.0)
    if len(values) >= ENOUGH_SEEDS:
        return mean_of(values)
    return None if zone.spread is None else mean_of(values, spread=zone.spread)
