"""Tables have exactly the columns that they are given, in order, each with its type."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.reporting.tables import estimate, read_table, typed

COLUMNS = ["method", "n_seeds", "combined_psnr", "combined_psnr_verdict", "params"]
TYPES = ["str", "Int64", "float64", "str", "Int64"]


def test_columns_are_those_that_are_asked_for() -> None:
    rows = [
        {"params": 7, "combined_psnr": 1.5, "method": "a", "more": 1, "n_seeds": 2},
        {"method": None, "combined_psnr_verdict": "not run"},
    ]
    frame = typed(rows, COLUMNS)
    assert list(frame.columns) == COLUMNS
    assert [str(kind) for kind in frame.dtypes] == TYPES
    assert frame["method"].tolist() == ["a", ""]
    assert frame["combined_psnr_verdict"].tolist() == ["", "not run"]
    assert frame["params"].tolist() == [7, pd.NA]
    assert frame["combined_psnr"].isna().tolist() == [False, True]


def test_a_table_without_rows_has_its_columns() -> None:
    frame = typed([], COLUMNS)
    assert list(frame.columns) == COLUMNS
    assert [str(kind) for kind in frame.dtypes] == TYPES


def test_tables_read_back_equal(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1e-17, float("nan"), 1 / 3]
    rows = [{"method": f"m|é {n}", "combined_psnr": x, "params": n} for n, x in enumerate(values)]
    frame = typed(rows, COLUMNS)
    frame.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.csv"), frame, check_exact=True)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6))
def test_the_interval_is_that_of_students_t(values: list[float]) -> None:
    found = estimate(values)
    series = pd.Series(values)
    assert found.mean == pytest.approx(series.mean(), abs=1e-9)
    assert found.sd == pytest.approx(series.std(), abs=1e-9)
    half = stats.t.ppf(0.975, len(values) - 1) * series.sem()
    assert found.ci_hi - found.mean == pytest.approx(half, abs=1e-6)
    assert found.mean - found.ci_lo == pytest.approx(half, abs=1e-6)


def test_one_value_has_no_spread_and_a_missing_one_no_mean() -> None:
    one = estimate([3.0])
    assert one.mean == 3.0
    assert pd.isna([one.sd, one.ci_lo, one.ci_hi]).all()
    for values in ([], [None], [3.0, None]):
        assert pd.isna(list(vars(estimate(values)).values())).all()
