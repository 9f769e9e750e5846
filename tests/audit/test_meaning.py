"""What each part of the grammar means, on tables small enough to check by hand."""

from __future__ import annotations

import re

import pytest

from pipeline.audit.evaluate import evaluate_claim
from pipeline.audit.intervals import ClaimError
from pipeline.audit.semantics import MAX_STEPS
from pipeline.audit.tables import MissingCell, Table, Tables, Value

COLUMNS = ("combined_psnr", "combined_mae", "params_m", "flops_g")
ROWS = {
    name: dict(zip(COLUMNS, cells.split(), strict=False))
    for name, cells in {
        "A": "25.00 0.040 30.00 9.0",
        "B-1": "26.00 0.030 10.00 5.0",
        "B+2": "27.00 0.030 20.00 7.0",
        "old": "24.00 0.050",
    }.items()
}
TABLES = Tables(
    {
        "t1": Table(
            {
                row: {column: Value.printed(text) for column, text in cells.items()}
                for row, cells in ROWS.items()
            },
            own=frozenset({"B-1", "B+2"}),
        ),
        "t2": Table({"3": {"psnr": Value.printed("26.00")}}),
    }
)


def verdict(text: str, published: str = "true") -> str:
    return str(evaluate_claim(text, TABLES, published).verdict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t1[B+2,combined_psnr] > t1[A,combined_psnr]", "holds"),
        ("t1[B-1,combined_mae] < t1[B+2,combined_mae]", "within rounding"),
        ("t1[B-1,combined_mae] = t1[A,combined_mae]", "fails"),
        ("t1[B-1,combined_psnr] = t2[3,psnr]", "within rounding"),
        ("t1[B-1,combined_psnr] != t2[3,psnr]", "within rounding"),
        ("best(combined_psnr) = B+2", "holds"),
        ("best(combined_psnr)={B+2}", "holds"),
        ("best(combined_psnr) != {B-1, B+2}", "holds"),
        ("best(combined_mae) = {B-1, B+2}", "within rounding"),
        ("A in best(combined_mae)", "fails"),
        ("B-1 in best(combined_mae)", "within rounding"),
        ("best(params_m) = B-1", "holds"),
        ("pareto(combined_psnr, params_m) = {B-1, B+2}", "holds"),
        ("pareto(combined_psnr, params_m) = {B+2, B-1}", "holds"),
        ("pareto(combined_psnr, params_m) = {B-1, B+2, A}", "fails"),
        ("increasing(combined_psnr, A, B-1, B+2)", "holds"),
        ("decreasing(combined_psnr, A, B-1, B+2)", "fails"),
        ("increasing(combined_mae, B-1, B+2)", "within rounding"),
        ("equal_steps(combined_psnr, A, B-1, B+2)", "within rounding"),
        ("equal_steps(params_m, A, B-1, B+2)", "fails"),
        ("better(combined_psnr, B+2, A)", "holds"),
        ("better(combined_mae, B-1, B+2)", "within rounding"),
        ("as_good(combined_mae, A, B-1)", "fails"),
        ("as_good(combined_psnr, A, A) and not better(combined_psnr, A, A)", "holds"),
        ("has(t1[A,params_m]) and not has(t1[old,params_m]) and not has(t9[a,b])", "holds"),
        ("for each row m: t1[m,combined_psnr] >= 23.9", "holds"),
        ("for each DMTNet row d: t1[d,combined_psnr] >= 26.5", "fails"),
        ("for each other row m: t1[m,combined_psnr] < 26", "holds"),
        ("exists row m: t1[m,combined_psnr] > 26.9", "holds"),
        ("no other row m: t1[m,combined_psnr] > 26", "holds"),
        ("no row m where has(t1[m,params_m]): t1[m,params_m] < 9", "holds"),
        ("for each other row m where has(t1[m,params_m]): exists DMTNet row d where"
         " t1[d,params_m] <= t1[m,params_m]: as_good(combined_psnr, d, m)", "holds"),
        ("exists metric k: not has(t1[A,combined_{k}])", "holds"),
        ("let a = t1[A,params_m], b = 2: a/b < 15.1 and a/b > 14.9", "holds"),
        ("abs(-2) = 2 and 2^3 = 8 and -2^2 = 0-4", "holds"),
        ("24.9 < t1[ A , combined_psnr ]", "holds"),
    ],
)  # fmt: skip
def test_statements(text: str, expected: str) -> None:
    assert verdict(text) == expected
    opposite = {"holds": "fails", "fails": "holds"}.get(expected, expected)
    assert verdict(text, "false") == opposite


@pytest.mark.parametrize(
    ("text", "published", "expected"),
    [
        ("t1[B+2,combined_psnr]-t1[A,combined_psnr]", "2.00", "within rounding"),
        ("t1[B+2,combined_psnr]-t1[A,combined_psnr]", "2.0", "holds"),
        ("t1[B+2,combined_psnr]-t1[A,combined_psnr]", "2.02", "fails"),
        ("100*(t1[A,params_m]/t1[B-1,params_m]-1)", "200", "holds"),
        ("8/3", "2.667", "holds"),
        ("8/3", "2.66", "fails"),
    ],
)
def test_numbers(text: str, published: str, expected: str) -> None:
    assert verdict(text, published) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at its end"),
        ("1 +", "at its end"),
        ("1 1", "expects the end"),
        ("1 < 2 < 3", "expects the end"),
        ("(1 < 2) + 1", "expects a number"),
        ("1 and 2", "expects a statement"),
        ("not 3", "expects a statement"),
        ("A", "a row or a set of rows"),
        ("{A, B-1}", "a row or a set of rows"),
        ("foo + 1", "the name 'foo'"),
        ("t1[A;params_m]", "expects ','"),
        ("t1[A]", "expects ','"),
        ("t1[A,{z}]", "which no quantifier binds"),
        ("for each planet p: 1 < 2", "expects one of: DMTNet row"),
        ("for each row m t1[m,params_m] < 2", "expects ':'"),
        ("for each row m, row m: 1 < 2", "twice"),
        ("for each row a, row b, row c, row d: 1 < 2", "more than 3 bound"),
        ("let a = 1, a = 2: a < 3", "twice"),
        ("let best = 1: best < 3", "a new name"),
        ("2^-1 < 3", "an exponent"),
        ("2^1.5 < 3", "an exponent"),
        ("2^17 < 3", "is not in 0 ... 16"),
        ("increasing(combined_psnr, A)", "at least two"),
        ("better(combined_psnr, A)", "expects 2 rows"),
        ("has(A)", "expects a cell"),
        ("best(combined_psnr) < {A}", "expects a number"),
        ("A in t1[A,params_m]", "a set of rows"),
        ("__import__('os')", "a row or a set of rows"),
        ("1/0 < 2", "division by zero"),
        ("1/(t1[A,params_m]-30) < 2", "which reaches zero"),
        ("t1[X,params_m] < 2", "no row 'X'"),
        ("t1[A,size] < 2", "no column 'size'"),
        ("t1[old,params_m] < 2", "row 'old' has no number in column 'params_m'"),
        ("t9[A,size] < 2", "no table 't9'"),
        ("best(size) = A", "no row with size"),
        ("t1[A,params_m]\n< 2", "expects the end"),
    ],
)
def test_errors_say_what_and_where(text: str, says: str) -> None:
    with pytest.raises(ClaimError, match=re.escape(says)) as error:
        evaluate_claim(text, TABLES)
    assert str(error.value).isprintable()


def test_published_must_fit() -> None:
    with pytest.raises(ClaimError, match="true or false"):
        evaluate_claim("1 < 2", TABLES, "1.5")
    with pytest.raises(ClaimError, match="plain decimal"):
        evaluate_claim("1 + 2", TABLES, "true")


def test_a_missing_cell_is_an_error_of_its_own() -> None:
    # So that claims can be evaluated on tables that hold only what was run.
    with pytest.raises(MissingCell):
        evaluate_claim("t1[old,params_m] < 2", TABLES)


def test_measured_points_decide_everything() -> None:
    points = Tables(
        {"t1": Table({row: {"x": Value.point(1 + 0.1 * n)} for n, row in enumerate("AB")})}
    )
    assert evaluate_claim("t1[A,x] < t1[B,x]", points).verdict == "holds"
    assert evaluate_claim("t1[B,x] - t1[A,x]", points, "0.1").verdict == "holds"
    assert evaluate_claim("t1[A,x] = t1[A,x]", points).verdict == "holds"


def test_what_follows_a_false_part_is_not_looked_at() -> None:
    assert verdict("has(t1[old,params_m]) and t1[old,params_m] < 1") == "fails"
    assert verdict("not has(t1[old,params_m]) or t1[old,params_m] < 1") == "holds"


def test_steps_are_limited() -> None:
    many = Tables({"t1": Table({str(row): {"x": Value.point(row)} for row in range(99)})})
    with pytest.raises(ClaimError, match=f"more than {MAX_STEPS} steps"):
        evaluate_claim("for each row a, row b, row c: t1[a,x] < 999", many)
