"""Readers of the paper's Table 1 and Table 2 as printed, digit by digit, without pandas."""

from __future__ import annotations

from pathlib import Path

from pipeline.audit.intervals import ClaimError
from pipeline.audit.tables import QUALITY_COLUMNS, SIZE_COLUMNS, Table, Value
from pipeline.data.csv_files import read_table
from pipeline.errors import DataError, one_line

_OURS = "ours"
_TEXT = ("method", "reference", "venue", "kind", "views", "train_data")
TABLE1_COLUMNS = (*_TEXT, *QUALITY_COLUMNS, *SIZE_COLUMNS)
TABLE2_COLUMNS = ("method", "transformer", "dynamic", "psnr", "ssim", "n_dmssrm")


def read_table1(path: Path) -> Table:
    """The table `t1` of claims: quality and size columns; a size that is not printed is missing.

    Raises:
        DataError: the file is missing, has other columns, no rows, a row twice, or a cell that is
            empty or not a number.
    """
    rows: dict[str, dict[str, Value]] = {}
    own: set[str] = set()
    for line, record in read_table(path, TABLE1_COLUMNS):
        name = _name(path, line, record, rows)
        rows[name] = {
            column: _printed(path, line, name, column, record[column])
            for column in (*QUALITY_COLUMNS, *SIZE_COLUMNS)
            if record[column] or column not in SIZE_COLUMNS
        }
        own |= {name} if record["reference"] == _OURS else set()
    return Table(_some(path, rows), frozenset(own))


def read_table2(path: Path) -> Table:
    """The table `t2` of claims: `psnr` and `ssim` as printed, `n_dmssrm` exact.

    Raises:
        DataError: as for `read_table1`.
    """
    rows: dict[str, dict[str, Value]] = {}
    for line, record in read_table(path, TABLE2_COLUMNS):
        name = _name(path, line, record, rows)
        rows[name] = {
            column: _printed(path, line, name, column, record[column])
            for column in ("psnr", "ssim", "n_dmssrm")
        }
        count = rows[name]["n_dmssrm"].interval.middle
        rows[name]["n_dmssrm"] = Value.point(count)
    return Table(_some(path, rows))


def _name(path: Path, line: int, record: dict[str, str], rows: dict[str, dict[str, Value]]) -> str:
    name = record["method"]
    if not name or name in rows:
        what = f"method {one_line(name)!r} is there twice" if name else "a row without a method"
        raise DataError(f"{path}:{line}: {what}; every method needs one row")
    return name


def _printed(path: Path, line: int, row: str, column: str, text: str) -> Value:
    try:
        return Value.printed(text)
    except ClaimError:
        what = f"is {one_line(text)!r}" if text else "is missing"
        raise DataError(
            f"{path}:{line}: {column} of method {one_line(row)!r} {what}; write a number as printed"
        ) from None


def _some(path: Path, rows: dict[str, dict[str, Value]]) -> dict[str, dict[str, Value]]:
    if not rows:
        raise DataError(f"{path}: no rows; every method needs one row")
    return rows
