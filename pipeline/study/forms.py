"""Curves of PSNR over compute: a straight line and a saturating power law, and fits of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Name = Literal["line", "saturating"]

_LN2 = math.log(2)
_LEAST_RATE, _MOST_RATE = 1e-3, 4.0
_ATTEMPTS = 10_000


@dataclass(frozen=True)
class Curve:
    """PSNR in dB over compute, in terms of its upper end.

    `reference`: the largest compute that it was fitted to. `level`: PSNR there. `slope`: dB per
    doubling of compute there. `rate`: by which the slope falls with compute C, as C**-rate; 0 for
    a line.
    """

    form: Name
    reference: float
    level: float
    slope: float
    rate: float = 0.0

    def at(self, compute: Floats | float) -> Floats:
        """PSNR in dB at these amounts of compute, in the unit of `reference`.

        >>> Curve("line", reference=8.0, level=25.0, slope=0.5).at([2.0, 8.0, 16.0])
        array([24. , 25. , 25.5])
        """
        doublings = np.log2(np.asarray(compute, dtype=np.float64) / self.reference)
        return _FORMS[self.form](doublings, self.level, self.slope, self.rate)

    @property
    def limit(self) -> float:
        """PSNR in dB that the curve approaches; infinite for a rising line."""
        if self.form == "line" or self.rate == 0:
            return math.copysign(math.inf, self.slope)
        return self.level + self.slope / (self.rate * _LN2)


def fit(form: Name, compute: Floats, psnr: Floats) -> Curve | None:
    """The curve of this form with the least squared error (scipy).

    `line`: PSNR grows by the same amount with every doubling, so that the squared error is a power
    law of compute. `saturating`: what is missing to a limit is a power law of compute. The line is
    the saturating curve whose rate is 0.

    Args:
        form: of the curve.
        compute: `[points]`, positive.
        psnr: `[points]` in dB.

    Returns:
        `None` if there are too few points: not one more than the curve has parameters.
    """
    from scipy.optimize import curve_fit

    if np.unique(compute).size <= PARAMETERS[form]:
        return None
    reference = float(np.max(compute))
    doublings = np.log2(compute / reference)
    slope, level = np.polyfit(doublings, psnr, 1)
    if form == "line":
        return Curve("line", reference, float(level), float(slope))
    (level, slope, rate), _ = curve_fit(
        _saturating,
        doublings,
        psnr,
        p0=(level, slope, 0.1),
        bounds=((-np.inf, -np.inf, _LEAST_RATE), (np.inf, np.inf, _MOST_RATE)),
        max_nfev=_ATTEMPTS,
    )
    return Curve("saturating", reference, float(level), float(slope), float(rate))


def _line(doublings: Floats, level: float, slope: float, rate: float = 0.0) -> Floats:
    return level + slope * doublings


def _saturating(doublings: Floats, level: float, slope: float, rate: float) -> Floats:
    return level - slope * np.expm1(-rate * _LN2 * doublings) / (rate * _LN2)


_FORMS: Mapping[Name, Callable[..., Floats]] = {"line": _line, "saturating": _saturating}
PARAMETERS: Mapping[Name, int] = {"line": 2, "saturating": 3}
"""Numbers that a fit chooses, by form; also all forms, the simplest first."""
