"""Interval arithmetic over printed numbers: 25.65 stands for every value in [25.645, 25.655).

Ends are fractions, so that nothing is lost at a boundary. An operation encloses every result that
its operands allow. A cell that occurs twice counts as two independent values: then the enclosure
is wider than needed, and a verdict may be `within rounding` that could be sharper, never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pipeline.errors import DataError

Truth = bool | None
"""`None`: true for some values that would be printed so, and false for others."""

_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.([0-9]{1,40}))?")
_MAX_BITS = 1000
# Below the largest float, so that every result can be shown as one.
MAX_EXPONENT = 16

_End = tuple[Fraction, bool]


class ClaimError(DataError):
    """A claim that cannot be read or evaluated: syntax, names, kinds, division by zero."""


@dataclass(frozen=True)
class Interval:
    """The values from `low` to `high`; an end belongs to them if it is `closed`.

    Example:
        >>> text = Interval.printed("25.65")
        >>> str(text), Fraction("25.655") in text, Fraction("25.645") in text
        ('[25.645, 25.655)', False, True)
        >>> str(text - Interval.printed("25.60"))
        '(0.04, 0.06)'
    """

    low: Fraction
    high: Fraction
    low_closed: bool = True
    high_closed: bool = True

    @classmethod
    def point(cls, value: Fraction | int | float) -> Interval:
        """The one value `value`.

        Raises:
            ClaimError: it is infinite or not a number.
        """
        try:
            exact = Fraction(value)
        except (OverflowError, ValueError) as error:
            raise ClaimError(f"{value} is not a number to calculate with") from error
        return cls(exact, exact)

    @classmethod
    def printed(cls, text: str) -> Interval:
        """Every value that rounds to the decimal number `text`: half a digit below and above.

        Raises:
            ClaimError: `text` is not a plain decimal number.
        """
        value, digits = decimal(text)
        half = Fraction(1, 2 * 10**digits)
        return cls(value - half, value + half, True, False)

    @property
    def middle(self) -> Fraction:
        """The printed value itself, for a printed number."""
        return (self.low + self.high) / 2

    @property
    def is_point(self) -> bool:
        """Whether there is one value only."""
        return self.low == self.high

    def __contains__(self, value: Fraction) -> bool:
        above = value > self.low or (self.low_closed and value == self.low)
        return above and (value < self.high or (self.high_closed and value == self.high))

    def __str__(self) -> str:
        if self.is_point:
            return short(self.low)
        left, right = "[("[not self.low_closed], "])"[not self.high_closed]
        pairs = ((short(self.low, digits), short(self.high, digits)) for digits in range(4, 13))
        low, high = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
        return f"{left}{low}, {high}{right}" if low else f"about {short(self.low)}"

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low, self.high_closed, self.low_closed)

    def __add__(self, other: Interval) -> Interval:
        return _checked(
            (self.low + other.low, self.low_closed and other.low_closed),
            (self.high + other.high, self.high_closed and other.high_closed),
        )

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        return _hull(
            # Zero times an end that does not belong to the interval is attained inside it.
            (a * b, (a_in and b_in) or (a == 0 and a_in) or (b == 0 and b_in))
            for a, a_in in self._ends()
            for b, b_in in other._ends()
        )

    def __truediv__(self, other: Interval) -> Interval:
        if other.low <= 0 <= other.high:
            what = "zero" if other.is_point else f"{other}, which reaches zero"
            raise ClaimError(f"division by {what}")
        return self * Interval(1 / other.high, 1 / other.low, other.high_closed, other.low_closed)

    def __pow__(self, exponent: int) -> Interval:
        """`exponent`: from 0 to `MAX_EXPONENT`."""
        if not 0 <= exponent <= MAX_EXPONENT:
            raise ClaimError(f"the exponent {exponent} is not in 0 ... {MAX_EXPONENT}")
        if exponent == 0:
            return Interval.point(1)
        ends = [(end**exponent, closed) for end, closed in self._ends()]
        if exponent % 2 == 0 and Fraction(0) in self:
            ends.append((Fraction(0), True))
        return _hull(ends)

    def __abs__(self) -> Interval:
        ends = [(abs(end), closed) for end, closed in self._ends()]
        return _hull([*ends, (Fraction(0), True)] if Fraction(0) in self else ends)

    def less(self, other: Interval) -> Truth:
        """Whether every value lies below every one of `other`; `None` if only some do."""
        if self.high < other.low or (self.high == other.low and not self._touches(other)):
            return True
        return False if self.low >= other.high else None

    def less_or_equal(self, other: Interval) -> Truth:
        """The same with equality allowed."""
        return negated(other.less(self))

    def equal(self, other: Interval) -> Truth:
        """`True` for equal points, `False` for intervals without a common value."""
        if self.is_disjoint(other):
            return False
        return True if self.is_point and other.is_point else None

    def rounds_to(self, other: Interval) -> Truth:
        """Whether all values lie in `other`; `None` if only some do."""
        if self.is_disjoint(other):
            return False
        low = self.low > other.low or (
            self.low == other.low and (other.low_closed or not self.low_closed)
        )
        high = self.high < other.high or (
            self.high == other.high and (other.high_closed or not self.high_closed)
        )
        return True if low and high else None

    def is_disjoint(self, other: Interval) -> bool:
        """Whether the two have no value in common."""
        return self.less(other) is True or other.less(self) is True

    def common(self, other: Interval) -> Interval | None:
        """The values that lie in both; `None` if there are none."""
        if self.is_disjoint(other):
            return None
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(
            low,
            high,
            all(one.low_closed for one in (self, other) if one.low == low),
            all(one.high_closed for one in (self, other) if one.high == high),
        )

    def _ends(self) -> tuple[_End, _End]:
        return (self.low, self.low_closed), (self.high, self.high_closed)

    def _touches(self, above: Interval) -> bool:
        return self.high_closed and above.low_closed


def decimal(text: str) -> tuple[Fraction, int]:
    """A plain decimal number, exact, and its number of digits after the point.

    Raises:
        ClaimError: `text` is something else.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ClaimError(f"{text[:60]!r} is not a plain decimal number such as 26.63")
    return Fraction(text), len(match[1] or "")


def negated(truth: Truth) -> Truth:
    """Not, in three values."""
    return None if truth is None else not truth


def all_of(truths: Iterable[Truth]) -> Truth:
    """And, in three values; stops at the first that is false."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        result = None if truth is None else result
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or, in three values; stops at the first that is true."""
    return negated(all_of(negated(truth) for truth in truths))


def short(value: Fraction, digits: int = 4) -> str:
    """A number for readers: at most `digits` after the point, more only if it is tiny.

    >>> short(Fraction("25.5975")), short(Fraction(2, 3)), short(Fraction(-1, 30000))
    ('25.5975', '0.6667', '-3.33e-05')
    """
    rounded = round(value, digits)
    if rounded == 0 and value != 0:
        return f"{float(value):.3g}"
    if abs(rounded) >= 10**15:
        return f"{Decimal(round(value)):.6e}"
    sign = "-" if rounded < 0 else ""
    whole, rest = divmod(abs(rounded), 1)
    tail = f"{int(rest * 10**digits):0{digits}d}".rstrip("0") if digits else ""
    return f"{sign}{whole}.{tail}" if tail else f"{sign}{whole}"


def _hull(ends: Iterable[_End]) -> Interval:
    known = list(ends)
    low, high = min(end for end, _ in known), max(end for end, _ in known)
    return _checked(
        (low, any(closed for end, closed in known if end == low)),
        (high, any(closed for end, closed in known if end == high)),
    )


def _checked(low: _End, high: _End) -> Interval:
    for end, _ in (low, high):
        if max(end.numerator.bit_length(), end.denominator.bit_length()) > _MAX_BITS:
            raise ClaimError("a number has too many digits")
    return Interval(low[0], high[0], low[1], high[1])
