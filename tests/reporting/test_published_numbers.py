"""The typed numbers of the paper: pinned, and consistent with each other.

If a table is corrected on purpose, print the new checksum with `sha256sum reports/published/*.csv`.
The claims are checked by `dmtbench audit`: see tests/audit.
"""

from __future__ import annotations

import csv
import hashlib
import re

import pytest
from support.paths import COUNTED, PUBLISHED

from pipeline.audit.checking import audit
from pipeline.audit.printed import TABLE1_COLUMNS, TABLE2_COLUMNS
from pipeline.audit.tables import METRICS, PARTS
from pipeline.records import CATEGORIES
from pipeline.reporting.published import (
    PAPER_METRICS,
    read_published_table1,
    read_published_table2,
)

TABLE1 = read_published_table1(PUBLISHED / "table1.csv").set_index("method")
TABLE2 = read_published_table2(PUBLISHED / "table2.csv").set_index("method")
CHECKSUMS = {
    "claims.csv": "90bc90596a23c9ed4f6d12aa676707a721c3d873c97a98ef263b40ce836a9b5a",
    "complexity_notes.csv": "e197a4f88c9db181ed0e3ad75db67c9e3d05e09577ddaa5a6959d0b47ec1018a",
    "literature.csv": "ae984946ee0d3cdc06cb7931d3c369a5f55a2c902389ca519e7a73bfeea03783",
    "table1.csv": "7c8ff6b1b020ea5675a7ad4b1edac66954638068eb4fe54365f0f17e30109804",
    "table2.csv": "0dbe8a197b74c643775cbb6b733d77374aef987a00b8e499e7b48390c7119785",
}
STEP = {"psnr": 0.01, "ssim": 0.001, "mae": 0.001}
"""The last printed digit."""
SLIPS = {("Uformer-B", "psnr"), ("Uformer-B", "ssim")}
"""Combined values that do not follow from the printed indoor and outdoor values."""


def follows(row: str, metric: str) -> bool:
    """Whether combined is the mean over 37 indoor and 39 outdoor scenes, within rounding."""
    indoor, outdoor, combined = (TABLE1.loc[row, f"{part}_{metric}"] for part in CATEGORIES)
    # Half a digit for the mean of rounded values, half a digit for the combined value itself.
    return bool(abs((37 * indoor + 39 * outdoor) / 76 - combined) <= STEP[metric] + 1e-9)


def test_no_digit_has_changed() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in PUBLISHED.iterdir()
    }
    assert found == CHECKSUMS


def test_combined_is_the_mean_of_37_indoor_and_39_outdoor_scenes() -> None:
    cells = {(row, metric) for row in TABLE1.index for metric in PAPER_METRICS}
    assert {cell for cell in cells if not follows(*cell)} == SLIPS
    assert TABLE1.loc["Uformer-B", ["combined_psnr", "combined_ssim"]].tolist() == [25.65, 0.795]


def test_tables_1_and_2_agree_about_dmtnet_b() -> None:
    own = TABLE1.loc["DMTNet-B", ["combined_psnr", "combined_ssim"]]
    assert own.tolist() == TABLE2.loc[3, ["psnr", "ssim"]].tolist()


def value_of(expression: str) -> float:
    """A claim's arithmetic, with `t1[row,column]` and `t2[row,column]` looked up."""

    def cell(match: re.Match[str]) -> str:
        table, row, column = match.groups()
        number = TABLE1.loc[row, column] if table == "1" else TABLE2.loc[int(row), column]
        return repr(float(number))

    text = re.sub(r"t([12])\[([^,\]]+),(\w+)\]", cell, expression)
    assert re.fullmatch(r"[\d.()*/+e-]+", text), text
    return float(eval(text))


def test_numbers_in_the_text_follow_from_the_tables() -> None:
    # With Python's own floats: a check on the audit's evaluator, too.
    wrong = set()
    for line in audit(PUBLISHED, COUNTED):
        claim = line.claim
        if claim.kind != "value" or "counted[" in claim.expression or "lit[" in claim.expression:
            continue
        value = value_of(claim.expression)
        assert line.computed == pytest.approx(value, rel=1e-12)
        half = 0.5 * 10.0 ** -len(claim.published.partition(".")[2])
        if abs(value - float(claim.published)) > half + 1e-9:
            wrong.add(claim.id)
    assert wrong == {"C04"}


def test_the_audit_and_the_tables_read_the_same_columns() -> None:
    # One reads them with pandas, for tables; the other without, digit by digit.
    assert (PARTS, METRICS) == (CATEGORIES, PAPER_METRICS)
    for name, columns in (("table1.csv", TABLE1_COLUMNS), ("table2.csv", TABLE2_COLUMNS)):
        with (PUBLISHED / name).open(encoding="utf-8", newline="") as stream:
            assert tuple(next(csv.reader(stream))) == columns
