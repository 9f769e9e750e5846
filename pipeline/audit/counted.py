"""Reader of the counts that `dmtbench complexity --all --csv` writes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from pipeline.audit.tables import Table, Value
from pipeline.data.canon import CANON_SIZE
from pipeline.data.csv_files import read_table
from pipeline.errors import DataError, one_line

_SIZE = ("height", "width")
_COUNTS = ("params", "flops_paper", "flops_fvcore")
_ATTENTION = ("attention_macs", "tokens", "padded_tokens", "channels", "window")
COLUMNS = ("network", *_SIZE, *_COUNTS, *_ATTENTION)

_SCALED = {
    "params_m": ("params", 10**6),
    "flops_g": ("flops_paper", 10**9),
    "fvcore_g": ("flops_fvcore", 10**9),
}
_REMEDY = "make it again with `dmtbench complexity --all --csv FILE`"


def read_counted(path: Path) -> Table:
    """The table `counted` of claims: exact numbers, one row per network.

    Columns: those of the file, and in the units of Table 1 `params_m` (10^6), `flops_g` (10^9, by
    the rule behind the paper's column) and `fvcore_g` (10^9, fvcore's count).

    Raises:
        DataError: the file is missing, damaged, or counted at another size than Canon's images.
    """
    rows: dict[str, dict[str, Value]] = {}
    for line, record in read_table(path, COLUMNS):
        name = record["network"]
        if not name or name in rows:
            raise DataError(
                f"{path}:{line}: network {one_line(name)!r} is empty or twice; {_REMEDY}"
            )
        counts = {
            column: _count(path, line, column, record[column])
            for column in COLUMNS[1:]
            if record[column] or column not in _ATTENTION
        }
        if (counts["height"], counts["width"]) != CANON_SIZE:
            raise DataError(
                f"{path}:{line}: {one_line(name)!r} was counted at another size; {_REMEDY}"
            )
        rows[name] = {column: Value.point(count) for column, count in counts.items()}
        for column, (source, unit) in _SCALED.items():
            exact = Fraction(counts[source], unit)
            rows[name][column] = Value(Value.point(exact).interval, f"{float(exact):.2f}")
    return Table(rows)


def _count(path: Path, line: int, column: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise DataError(f"{path}:{line}: {column} is {one_line(text)!r}; {_REMEDY}")
    return int(text)
