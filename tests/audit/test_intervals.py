"""Intervals: what is inside stays inside, and an end belongs to a result only if it is reached."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.intervals import ClaimError, Interval, all_of, any_of, short

SMALL = st.fractions(min_value=-4, max_value=4, max_denominator=8)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, high = sorted((draw(SMALL), draw(SMALL)))
    if low == high:
        return Interval.point(low)
    return Interval(low, high, draw(st.booleans()), draw(st.booleans()))


def some_of(one: Interval) -> list[Fraction]:
    """Ends that belong to it, zero if it does, and points next to both ends."""
    step = (one.high - one.low) / 1000
    candidates = {one.low, one.high, Fraction(0), one.low + step, one.high - step, one.middle}
    return [value for value in candidates if value in one]


OPERATIONS: dict[str, Callable[..., object]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=50, deadline=None)
@given(one=intervals(), other=intervals())
def test_results_are_enclosed_and_ends_are_right(name: str, one: Interval, other: Interval) -> None:
    operate = OPERATIONS[name]
    if name == "/" and other.low <= 0 <= other.high:
        with pytest.raises(ClaimError, match="division by"):
            operate(one, other)
        return
    found = operate(one, other)
    assert isinstance(found, Interval)
    values = [operate(a, b) for a, b in product(some_of(one), some_of(other))]
    assert all(value in found for value in values)
    # Extremes lie at ends; those that are not reached are approached by the points next to them.
    assert (found.low in values) == found.low_closed
    assert (found.high in values) == found.high_closed
    gap = (found.high - found.low) / 20 + Fraction(1, 1000)
    assert min(values) - found.low <= gap
    assert found.high - max(values) <= gap


@settings(max_examples=50, deadline=None)
@given(one=intervals(), exponent=st.integers(0, 5))
def test_powers_and_absolute_values(one: Interval, exponent: int) -> None:
    for found, values in (
        (one**exponent, [value**exponent for value in some_of(one)]),
        (abs(one), [abs(value) for value in some_of(one)]),
    ):
        assert all(value in found for value in values)
        assert (found.low in values) == found.low_closed
        assert (found.high in values) == found.high_closed


@settings(max_examples=60, deadline=None)
@given(one=intervals(), other=intervals())
def test_comparisons_hold_for_all_values_or_for_none(one: Interval, other: Interval) -> None:
    pairs = list(product(some_of(one), some_of(other)))
    for found, checks in (
        (one.less(other), [a < b for a, b in pairs]),
        (one.less_or_equal(other), [a <= b for a, b in pairs]),
        (one.equal(other), [a == b for a, b in pairs]),
        (one.rounds_to(other), [a in other for a in some_of(one)]),
    ):
        assert found is None or set(checks) == {found}
    if one.less(other) is None:
        assert {a < b for a, b in pairs} == {True, False} or one.is_disjoint(other) is False


@settings(max_examples=60, deadline=None)
@given(one=intervals(), other=intervals())
def test_common_values(one: Interval, other: Interval) -> None:
    common = one.common(other)
    both = [value for value in {*some_of(one), *some_of(other)} if value in one and value in other]
    assert (common is None) <= (not both)
    if common is not None:
        assert all(value in common for value in both)
        assert all(value in one and value in other for value in some_of(common))


@settings(max_examples=100, deadline=None)
@given(digits=st.integers(0, 4), units=st.integers(-(10**6), 10**6), numerator=st.integers(0, 999))
def test_a_printed_number_stands_for_what_rounds_to_it(
    digits: int, units: int, numerator: int
) -> None:
    value = Fraction(units, 10**digits)
    text = f"{'-' if units < 0 else ''}{abs(units) // 10**digits}"
    text += f".{abs(units) % 10**digits:0{digits}d}" if digits else ""
    printed = Interval.printed(text)
    inside = printed.low + (printed.high - printed.low) * Fraction(numerator, 999)
    rounded = Fraction(math.floor(inside * 10**digits + Fraction(1, 2)), 10**digits)
    assert (inside in printed) == (rounded == value)


def test_the_issue_s_example() -> None:
    printed = Interval.printed("25.65")
    assert (str(printed), Fraction("25.645") in printed) == ("[25.645, 25.655)", True)
    assert Fraction("25.655") not in printed
    assert Interval.printed("0.895").less(Interval.printed("0.896")) is True


@pytest.mark.parametrize("text", ["", "1e3", "inf", "nan", "1_0", "+1", ".5", "1.", "²", "1" * 41])
def test_only_plain_decimals_are_printed_numbers(text: str) -> None:
    with pytest.raises(ClaimError, match="not a plain decimal"):
        Interval.printed(text)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_points_are_finite(value: float) -> None:
    with pytest.raises(ClaimError, match="not a number"):
        Interval.point(value)


def test_numbers_cannot_grow_without_end() -> None:
    value = Interval.point(10**16)
    with pytest.raises(ClaimError, match="too many digits"):
        ((value**16) ** 16) ** 16


def test_three_values() -> None:
    assert all_of([True, None, False]) is False
    assert all_of([True, None]) is None
    assert any_of([False, None, True]) is True
    assert any_of([False, None]) is None
    assert (all_of([]), any_of([])) == (True, False)


def test_huge_and_tiny_numbers_are_short() -> None:
    assert short(Fraction(10) ** 300) == "1.000000e+300"
    assert short(Fraction(1, 10**9)) == "1e-09"
    assert short(Fraction("0.2")) == "0.2"
