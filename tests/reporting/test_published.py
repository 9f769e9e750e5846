from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import PUBLISHED

from pipeline.errors import DataError
from pipeline.reporting.published import read_published_table1, read_published_table2


def _spoiled(folder: Path, name: str, old: str, new: str) -> Path:
    text = (PUBLISHED / name).read_text(encoding="utf-8")
    assert old in text
    target = folder / name
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


def test_paper_tables_are_whole() -> None:
    first = read_published_table1(PUBLISHED / "table1.csv")
    second = read_published_table2(PUBLISHED / "table2.csv")
    assert len(first) == 16
    assert first["combined_psnr"].between(20, 30).all()
    assert first["flops_g"].isna().sum() == 3
    assert list(second["method"]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("table1.csv", "venue", "place", "columns must be"),
        ("table1.csv", "RDPD+", "DPDNet+", "twice"),
        ("table1.csv", "0.772", "good", "EBDB"),
        ("table1.csv", "0.772", "", "EBDB"),
        ("table1.csv", "0.772", "inf", "EBDB"),
        ("table2.csv", "no,yes", "no,perhaps", "dynamic"),
        ("table2.csv", "0.830,2", "0.830,2.5", "whole numbers"),
    ],
)
def test_spoiled_tables_are_named(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    path = _spoiled(tmp_path, name, old, new)
    read = read_published_table1 if name == "table1.csv" else read_published_table2
    with pytest.raises(DataError, match=says) as raised:
        read(path)
    assert str(path) in str(raised.value)


def test_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv"):
        read_published_table1(tmp_path / "gone.csv")
