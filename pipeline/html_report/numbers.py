"""Numbers as the page prints them: those of tables keep the digits of `reporting.render`."""

from __future__ import annotations

import math

NOTHING = "–"
"""What stands where there is no value."""

DIGITS = {"psnr": 2, "ssim": 3, "mae": 3}
"""Decimals by metric, as in the paper."""


def fixed(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """A number with so many decimals, with a true minus; a dash for none.

    >>> fixed(-0.157, 2), fixed(0.157, 2, sign=True), fixed(None)
    ('−0.16', '+0.16', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def interval(low: float | None, high: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """The two ends of an interval; a dash if there is none.

    >>> interval(-0.1, 0.25)
    '−0.10 to 0.25'
    """
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{fixed(low, digits, sign=sign)} to {fixed(high, digits, sign=sign)}"


def duration(seconds: float) -> str:
    """A time in the two largest units that say something.

    >>> duration(42.4), duration(754), duration(45296)
    ('42 s', '12 min 34 s', '12 h 35 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def count(value: float) -> str:
    """A whole number with thin spaces between thousands.

    >>> count(1234567) == "1\\u2009234\\u2009567"
    True
    """
    return f"{round(value):,}".replace(",", "\u2009")
