"""The evaluator against Python's own arithmetic, on random expressions.

`DMTBENCH_EXPRESSIONS=20000` sets their number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.evaluate import Verdict, evaluate_claim
from pipeline.audit.grammar import MAX_LENGTH
from pipeline.audit.intervals import ClaimError, Interval
from pipeline.audit.tables import Table, Tables, Value

COUNT = int(os.environ.get("DMTBENCH_EXPRESSIONS", "200"))
"""Number of expressions of each kind."""

CELLS = {"A": {"x": "2.5", "y": "-0.25"}, "RDPD+": {"x": "0", "y": "7.125"}}
POINTS = Tables(
    {
        "t1": Table(
            {
                row: {name: Value.point(Fraction(text)) for name, text in cells.items()}
                for row, cells in CELLS.items()
            }
        )
    }
)
Pair = tuple[str, str]
"""An expression in the claims' grammar, and the same in Python."""


def _number(text: str) -> Pair:
    return text, f"F('{text}')"


LEAVES: st.SearchStrategy[Pair] = st.one_of(
    st.integers(0, 99).map(str).map(_number),
    st.integers(0, 9999).map(lambda units: _number(f"{units // 100}.{units % 100:02d}")),
    st.sampled_from(
        [
            (f"t1[{row},{name}]", f"F('{text}')")
            for row, cells in CELLS.items()
            for name, text in cells.items()
        ]
    ),
)


def _combined(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def binary(parts: tuple[Pair, str, Pair]) -> Pair:
        (ours, theirs), sign, (more, other) = parts
        return f"{ours} {sign} {more}", f"{theirs} {sign} {other}"

    def power(parts: tuple[Pair, int]) -> Pair:
        (ours, theirs), exponent = parts
        return f"({ours})^{exponent}", f"({theirs})**{exponent}"

    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(binary),
        inner.map(lambda pair: (f"({pair[0]})", f"({pair[1]})")),
        inner.map(lambda pair: (f"-{pair[0]}", f"-{pair[1]}")),
        inner.map(lambda pair: (f"abs({pair[0]})", f"abs({pair[1]})")),
        st.tuples(inner, st.integers(0, 3)).map(power),
    )


NUMBERS = st.recursive(LEAVES, _combined, max_leaves=8)


def _joined(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: (
                f"{parts[0][0]} {parts[1]} {parts[2][0]}",
                f"{parts[0][1]} {parts[1]} {parts[2][1]}",
            )
        ),
        inner.map(lambda pair: (f"not {pair[0]}", f"not {pair[1]}")),
        inner.map(lambda pair: (f"({pair[0]})", f"({pair[1]})")),
    )


COMPARED: st.SearchStrategy[Pair] = st.tuples(
    NUMBERS,
    st.sampled_from([("=", "=="), ("!=", "!="), *((s, s) for s in ("<", "<=", ">", ">="))]),
    NUMBERS,
).map(
    lambda parts: (
        f"{parts[0][0]} {parts[1][0]} {parts[2][0]}",
        f"{parts[0][1]} {parts[1][1]} {parts[2][1]}",
    )
)
STATEMENTS = st.recursive(COMPARED, _joined, max_leaves=4)


def python(text: str) -> object:
    """Python's value of an expression made above, from numbers and operators only."""
    try:
        return eval(text, {"__builtins__": {}, "F": Fraction, "abs": abs})
    except ZeroDivisionError:
        return "division by zero"


def ours(evaluate: Callable[[], object]) -> object:
    """Our value, or the message of the declared error."""
    try:
        return evaluate()
    except ClaimError as error:
        return str(error)


def is_limit(found: object) -> bool:
    """Whether an expression was refused for its size, which Python does not limit."""
    return isinstance(found, str) and ("too many digits" in found or "deep" in found)


@settings(max_examples=COUNT, deadline=None)
@given(NUMBERS)
def test_numbers_are_python_s(pair: Pair) -> None:
    found = ours(lambda: evaluate_claim(pair[0], POINTS, "0").interval)
    expected = python(pair[1])
    if not is_limit(found):
        assert (found.low if isinstance(found, Interval) else found) == expected


@settings(max_examples=COUNT, deadline=None)
@given(STATEMENTS)
def test_statements_are_python_s(pair: Pair) -> None:
    found = ours(lambda: evaluate_claim(pair[0], POINTS).verdict)
    expected = python(pair[1])
    if not is_limit(found):
        assert found == {True: "holds", False: "fails"}.get(expected, expected)  # type: ignore[call-overload]


TOKENS = (
    *("t1[A,x]", "t1[", "]", ",", "(", ")", "{", "}", ":", "+", "-", "*", "/", "^", "=", "<", ">="),
    *("1", "2.50", "0", "A", "RDPD+", "x", "m", "k", "{k}", "for each", "exists", "no", "row m"),
    *("DMTNet row d", "metric k", "where", "and", "or", "not", "in", "let", "best(x)", "pareto("),
    *("increasing(x, A, RDPD+)", "equal_steps(", "better(x,A,A)", "has(", "abs(", "rounds to"),
)


@settings(max_examples=COUNT, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map(" ".join))
def test_any_text_has_a_verdict_or_a_declared_error(text: str) -> None:
    for published in ("true", "2.5"):
        found = ours(lambda: evaluate_claim(text, POINTS, published).verdict)  # noqa: B023
        assert isinstance(found, str)
        assert found.isprintable()


@settings(max_examples=COUNT, deadline=None)
@given(NUMBERS, st.integers(0, 8))
def test_intervals_enclose_the_value_at_every_point(pair: Pair, place: int) -> None:
    # Each cell is widened, and any choice inside must give a value inside.
    widened = {
        row: {name: Value.printed(text) for name, text in cells.items()}
        for row, cells in CELLS.items()
    }
    chosen = {
        row: {
            name: Value.point(
                value.interval.low + (value.interval.high - value.interval.low) * Fraction(place, 9)
            )
            for name, value in cells.items()
        }
        for row, cells in widened.items()
    }
    enclosure, point = (
        ours(lambda: evaluate_claim(pair[0], Tables({"t1": Table(cells)}), "0").interval)  # noqa: B023
        for cells in (widened, chosen)
    )
    if isinstance(enclosure, Interval):
        assert isinstance(point, Interval)
        assert point.low in enclosure


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1999,
        "(" * 900 + "1" + ")" * 900,
        "-" * 1990 + "1",
        "not " * 490 + "1 < 2",
        "abs(" * 390 + "1" + ")" * 390,
        "-abs(" * 200,
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert len(text) <= MAX_LENGTH
    with pytest.raises(ClaimError, match="nested more than"):
        evaluate_claim(text, POINTS)


def test_long_chains_are_not_deep() -> None:
    assert evaluate_claim("+".join(["1"] * 900), POINTS, "900").verdict is Verdict.HOLDS
    assert evaluate_claim(" and ".join(["1<2"] * 200), POINTS).verdict is Verdict.HOLDS


def test_too_long_is_refused() -> None:
    with pytest.raises(ClaimError, match="longer than"):
        evaluate_claim("1+" * 1000 + "1", POINTS)
