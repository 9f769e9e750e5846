"""The audit's files: every mistake is one line that names file, row and remedy."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from support.paths import COUNTED, PUBLISHED

from pipeline.audit.checking import audit
from pipeline.audit.claims import COLUMNS, DECIDERS
from pipeline.audit.counted import read_counted
from pipeline.errors import DataError

GOOD = {
    "id": "C01",
    "section": "1",
    "kind": "value",
    "statement": "one",
    "expression": "t1[DPDNet,params_m]",
    "published": "34.52",
    "decidable_by": "counting",
    "reason": "",
}
STATEMENT = {"kind": "holds", "published": "true"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the paper's numbers, to damage."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "published"))


def write_claims(folder: Path, *claims: dict[str, str]) -> None:
    with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**GOOD, **claim} for claim in claims)


def refused(folder: Path, counted: Path = COUNTED) -> str:
    with pytest.raises(DataError) as error:
        audit(folder, counted)
    text = str(error.value)
    assert text.isprintable()
    return text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "guess"}, "unknown kind 'guess'; it must be value, holds or manual"),
        ({"expression": "t1[DPDNe,params_m]"}, "table t1 has no row 'DPDNe'"),
        ({"expression": "t1[DPDNet,parms]"}, "table t1 has no column 'parms'"),
        ({"expression": "t3[DPDNet,params_m]"}, "no table 't3'; the tables are t1, t2"),
        ({"expression": "t1[DPDNet,params_m]/(1-1)"}, "division by zero"),
        ({"expression": "t1[EBDB,params_m]"}, "row 'EBDB' has no number in column 'params_m'"),
        ({"expression": "t1[DPDNet,params_m"}, "expects ']'"),
        ({"published": "about 35"}, "'about 35' is not a plain decimal number"),
        ({"published": ""}, "'' is not a plain decimal number"),
        ({"expression": "1 < 2"}, "a value needs an expression that is a number"),
        ({**STATEMENT}, "a value needs an expression that is a number"),
        ({**STATEMENT, "expression": "1 < 2", "published": "yes"}, "must be true or false"),
        ({**STATEMENT, "expression": "best(speed) = DPDNet"}, "no column 'speed'"),
        ({**STATEMENT, "expression": "1 < 2 or better(indoor_mae, X, IFAN)"}, "no row 'X'"),
        ({**STATEMENT, "expression": "1 < 2 or increasing(mae, IFAN, KPAC)"}, "no column 'mae'"),
        ({**STATEMENT, "expression": "exists row m: t1[m,params_m] < 0"}, "row 'EBDB' has no"),
        ({"decidable_by": "magic"}, "'magic' is none of arithmetic, counting"),
        ({"decidable_by": "nothing"}, "needs a reason"),
        ({"kind": "manual"}, "needs a reason"),
        ({"id": "1"}, "its id is not a capital letter and a number"),
        ({"statement": ""}, "its statement is empty"),
        ({"statement": "two\nlines"}, "its statement is empty or not on one printable line"),
    ],
)
def test_a_wrong_claim(folder: Path, change: dict[str, str], says: str) -> None:
    write_claims(folder, {**GOOD, "id": "C00"}, change)
    text = refused(folder)
    assert text.startswith(f"{folder / 'claims.csv'}:")
    assert ":3: claim " in text or ":4: claim " in text
    assert says in text
    assert text.endswith("; fix the claim")


def test_a_claim_that_is_there_twice(folder: Path) -> None:
    write_claims(folder, GOOD, GOOD)
    assert "claims.csv:3: claim C01 is there twice" in refused(folder)


def test_no_claims_and_other_columns(folder: Path) -> None:
    write_claims(folder)
    assert "no claims" in refused(folder)
    (folder / "claims.csv").write_text("id,what\n")
    assert "columns must be id,section,kind" in refused(folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("table1.csv", "0.772", "", "table1.csv:2: indoor_ssim of method 'EBDB' is missing"),
        ("table1.csv", "0.772", "good", "table1.csv:2: indoor_ssim of method 'EBDB' is 'good'"),
        ("table1.csv", "0.772", "inf", "table1.csv:2: indoor_ssim of method 'EBDB' is 'inf'"),
        ("table1.csv", "RDPD+", "DPDNet+", "table1.csv:7: method 'DPDNet+' is there twice"),
        ("table1.csv", "venue", "place", "table1.csv:1: columns must be method"),
        ("table2.csv", "26.47", "", "table2.csv:3: psnr of method '2' is missing"),
        ("literature.csv", "26.28", "?", "literature.csv:11: '?' is not a plain decimal number"),
        ("literature.csv", "IFAN,indoor_psnr", "IFAN,sharpness", "unknown column 'sharpness'"),
        ("literature.csv", "IFAN at 16 bit,IFAN,", "IFAN at 16 bit,AFIN,", "no method 'AFIN'"),
        ("literature.csv", "outdoor_psnr,23.48", "indoor_psnr,23.48", "is there twice"),
        ("literature.csv", ",8 bit,", ",,", "protocol is empty"),
    ],
)
def test_a_damaged_table(folder: Path, name: str, old: str, new: str, says: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert says in refused(folder)


def test_an_entry_with_two_sources(folder: Path) -> None:
    path = folder / "literature.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("MMagic's page of Restormer", "hearsay", 1), encoding="utf-8")
    assert "two sources" in refused(folder)


@pytest.mark.parametrize("name", ["table1.csv", "table2.csv", "claims.csv", "literature.csv"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name}: cannot be read" in refused(folder)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("DMTNet-S", "DMTNet-T", "network 'DMTNet-T' is empty or twice"),
        ("12567256", "12.5", "params is '12.5'"),
        ("12567256", "", "params is ''"),
        (",1680,26939819", ",1681,26939819", "'DMENet' was counted at another size"),
        ("tokens", "words", "columns must be network,height"),
    ],
)
def test_damaged_counts(folder: Path, tmp_path: Path, old: str, new: str, says: str) -> None:
    text = COUNTED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "complexity.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    message = refused(folder, path)
    assert says in message
    assert "make it again" in message or "make the file again" in message


def test_counts_have_the_units_of_table_1() -> None:
    row = read_counted(COUNTED).rows["DMTNet-B"]
    assert (row["params_m"].text, row["flops_g"].text) == ("24.46", "1294.41")
    assert row["params_m"].interval.low * 10**6 == row["params"].interval.low


def test_every_kind_of_decision_occurs() -> None:
    with (PUBLISHED / "claims.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["decidable_by"] for row in csv.DictReader(stream)} == set(DECIDERS)
