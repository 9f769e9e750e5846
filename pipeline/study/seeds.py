"""What seeds say about the slope and the height of a curve: intervals of one kind and another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.statistics.means import CONFIDENCE, mean_of
from pipeline.study.forms import Curve, Floats, Name, fit

DRAWS = 500
_NOTHING = (float("nan"), float("nan"))
_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class SeedFits:
    """One form fitted to the mean over seeds, to each seed, and to resampled seeds.

    `curve`: of the mean. `singles`: of each seed. `draws`: of each resample.
    """

    curve: Curve
    singles: tuple[Curve, ...]
    draws: tuple[Curve, ...]

    def slope_t(self) -> tuple[float, float]:
        """95 % t-interval of a line's slope (dB per doubling), from one slope for each seed.

        NaN with one seed, and for other forms: the slope of their mean is no mean of slopes.
        """
        slopes = [single.slope for single in self.singles]
        return (
            mean_of(slopes).interval()
            if self.curve.form == "line" and len(slopes) > 1
            else _NOTHING
        )

    def slope_bootstrap(self) -> tuple[float, float]:
        """95 % percentile interval of the slope (dB per doubling) over resampled seeds."""
        return self._percentiles([draw.slope for draw in self.draws])

    def limit_bootstrap(self) -> tuple[float, float]:
        """The same of the PSNR (dB) that a saturating curve approaches; NaN for a line."""
        if self.curve.form == "line":
            return _NOTHING
        return self._percentiles([draw.limit for draw in self.draws])

    def _percentiles(self, values: Sequence[float]) -> tuple[float, float]:
        if len(self.singles) < 2:
            return _NOTHING
        low, high = np.quantile(values, _TAILS)
        return float(low), float(high)

    def band(self, compute: Floats) -> tuple[Floats, Floats]:
        """95 % percentile band of PSNR (dB) over resampled seeds, point by point: `[points]` each.

        Without width for one seed.
        """
        heights = np.array([draw.at(compute) for draw in self.draws])
        low, high = np.quantile(heights, _TAILS, axis=0)
        return low, high


def fit_seeds(form: Name, compute: Floats, psnr: Floats) -> SeedFits | None:
    """Fit a form to points that every seed has at the same amounts of compute.

    Resampling takes seeds with replacement and the mean over them. With few seeds, such intervals
    are too narrow; the t-interval stands beside them.

    Args:
        form: of the curve.
        compute: `[points]`.
        psnr: `[seeds, points]` in dB.

    Returns:
        `None` if there are too few points.
    """
    curve = fit(form, compute, psnr.mean(axis=0))
    if curve is None:
        return None
    singles = tuple(_fits(form, compute, psnr))
    seeds = len(psnr)
    times = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS)
    # Few seeds have few resamples, each of which need be fitted only once.
    different, which = np.unique(times, axis=0, return_inverse=True)
    resampled = list(_fits(form, compute, different @ psnr / seeds))
    return SeedFits(curve, singles, tuple(resampled[place] for place in which))


def _fits(form: Name, compute: Floats, rows: Floats | Sequence[Floats]) -> Iterator[Curve]:
    for row in rows:
        found = fit(form, compute, row)
        assert found is not None
        yield found
