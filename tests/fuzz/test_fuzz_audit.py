"""Damaged claims, tables and counts: refused on one line, or audited."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from support.fuzz import Read, from_file, fuzz
from support.mutations import mutations
from support.paths import COUNTED, PUBLISHED

from pipeline.audit import checking
from pipeline.audit.checking import audit
from pipeline.audit.claims import failed, read_claims
from pipeline.audit.counted import read_counted
from pipeline.audit.evaluate import evaluate_claim
from pipeline.audit.intervals import ClaimError
from pipeline.audit.literature import literature_table, read_literature
from pipeline.audit.printed import read_table1, read_table2
from pipeline.audit.tables import Tables
from pipeline.errors import DataError

TABLE1 = read_table1(PUBLISHED / "table1.csv")
WORDS = (
    *(b"t1[DPDNet,params_m]", b"for each row m: ", b"exists ", b"best(indoor_mae)", b"rounds to"),
    *(b"1/0", b"((((", b"not not ", b"{k}", b"^16^16", b"manual", b"value", b"holds", b"nothing"),
)


@pytest.fixture
def tables_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the tables once, since they take longer than the claims."""
    entries = read_literature(PUBLISHED / "literature.csv", TABLE1)
    for name in ("read_table1", "read_table2", "read_counted"):
        monkeypatch.setattr(checking, name, cache(getattr(checking, name)))
    monkeypatch.setattr(checking, "read_literature", lambda path, table1: entries)


@pytest.mark.usefixtures("tables_once")
def test_claims(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED, folder)
    lines = (folder / "claims.csv").read_bytes().splitlines(keepends=True)
    # One of each kind is enough, and quicker.
    content = b"".join([lines[0], *lines[4:45:6]])
    read: Read = from_file(folder / "claims.csv", lambda _: audit(folder, COUNTED))
    fuzz(read, mutations([content], words=WORDS), refusals=(DataError,))


def test_expressions() -> None:
    path = PUBLISHED / "claims.csv"
    tables = Tables(
        {
            checking.TABLE1: TABLE1,
            checking.TABLE2: read_table2(PUBLISHED / "table2.csv"),
            checking.COUNTED: read_counted(COUNTED),
            checking.LITERATURE: literature_table(
                read_literature(PUBLISHED / "literature.csv", TABLE1)
            ),
        }
    )
    claims = [one for one in read_claims(path) if one.kind == "value"]

    def read(content: bytes) -> None:
        try:
            evaluate_claim(content.decode(errors="replace"), tables, "25.0")
        except ClaimError as error:
            raise failed(path, claims[0], error) from error

    inputs = mutations([one.expression.encode() for one in claims], words=WORDS)
    fuzz(read, inputs, refusals=(DataError,))


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("table1.csv", read_table1),
        ("table2.csv", read_table2),
        ("literature.csv", lambda path: read_literature(path, TABLE1)),
    ],
)
def test_tables(tmp_path: Path, name: str, reader: Callable[[Path], object]) -> None:
    content = (PUBLISHED / name).read_bytes()
    fuzz(from_file(tmp_path / name, reader), mutations([content]), refusals=(DataError,))


def test_counts(tmp_path: Path) -> None:
    read = from_file(tmp_path / "complexity.csv", read_counted)
    fuzz(read, mutations([COUNTED.read_bytes()]), refusals=(DataError,))
