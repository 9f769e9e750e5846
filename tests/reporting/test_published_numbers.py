"""The typed numbers of the paper: pinned, and consistent with each other.

If a table is corrected on purpose, print the new checksum with `sha256sum reports/published/*.csv`.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable
from itertools import pairwise

import pandas as pd
from support.paths import PUBLISHED

from pipeline.records import CATEGORIES
from pipeline.reporting.published import (
    PAPER_METRICS,
    read_published_table1,
    read_published_table2,
)

TABLE1 = read_published_table1(PUBLISHED / "table1.csv").set_index("method")
TABLE2 = read_published_table2(PUBLISHED / "table2.csv").set_index("method")
CHECKSUMS = {
    "claims.csv": "f071533c2de98ef039c6b18d6ebf21e6caf7b56f5aed255ac927fb3f2cb23185",
    "complexity_notes.csv": "e197a4f88c9db181ed0e3ad75db67c9e3d05e09577ddaa5a6959d0b47ec1018a",
    "table1.csv": "7c8ff6b1b020ea5675a7ad4b1edac66954638068eb4fe54365f0f17e30109804",
    "table2.csv": "0dbe8a197b74c643775cbb6b733d77374aef987a00b8e499e7b48390c7119785",
}
STEP = {"psnr": 0.01, "ssim": 0.001, "mae": 0.001}
"""The last printed digit."""
SERIES = [f"DMTNet-{size}" for size in "TSBLH"]
SLIPS = {("Uformer-B", "psnr"), ("Uformer-B", "ssim")}
"""Combined values that do not follow from the printed indoor and outdoor values."""
WRONG_CLAIMS = {"C04", "C14"}
"""The text says 6.4 %, the table 6.0 %; MRNet is the best in two indoor columns."""


def claims(kind: str) -> dict[str, dict[str, str]]:
    with (PUBLISHED / "claims.csv").open(encoding="utf-8", newline="") as stream:
        return {row["id"]: row for row in csv.DictReader(stream) if row["kind"] == kind}


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
    wrong = set()
    for name, claim in claims("value").items():
        printed = claim["published"]
        half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
        if abs(value_of(claim["expression"]) - float(printed)) > half + 1e-9:
            wrong.add(name)
    assert wrong == WRONG_CLAIMS & set(claims("value"))


def best(column: str) -> set[str]:
    values = TABLE1[column]
    return {*values.index[values == (values.min() if column.endswith("mae") else values.max())]}


def quality() -> list[str]:
    return [f"{part}_{metric}" for part in CATEGORIES for metric in PAPER_METRICS]


COMBINED: pd.Series = TABLE1["combined_psnr"]
HOLDS: dict[str, Callable[[], bool]] = {
    "C10": lambda: all(COMBINED[one] < COMBINED[two] for one, two in pairwise(SERIES)),
    "C11": lambda: COMBINED["DMTNet-T"] >= COMBINED["DPDNet"],
    "C12": lambda: TABLE1.loc["DMTNet-H", "flops_g"] < TABLE1.loc["MRNet", "flops_g"],
    "C13": lambda: best("combined_psnr") == {"DMTNet-H"},
    "C14": lambda: all(best(column) & {*SERIES} for column in quality()),
    "C15": lambda: all(
        follows(row, metric)
        for row in TABLE1.index
        for metric in PAPER_METRICS
        if (row, metric) not in SLIPS
    ),
}


def test_statements_in_the_text_hold() -> None:
    printed = claims("holds")
    assert set(HOLDS) == set(printed)
    assert {claim["published"] for claim in printed.values()} == {"true"}
    assert {name for name, holds in HOLDS.items() if not holds()} <= WRONG_CLAIMS
    assert {column for column in quality() if not best(column) & {*SERIES}} == {
        "indoor_psnr",
        "indoor_ssim",
    }
