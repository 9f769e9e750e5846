"""Damaged claims, tables and counts: refused on one line, or audited."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fuzz import Read, from_file, fuzz
from support.mutations import mutations
from support.paths import COUNTED, PUBLISHED

from pipeline.audit.checking import audit
from pipeline.audit.counted import read_counted
from pipeline.audit.literature import read_literature
from pipeline.audit.printed import read_table1, read_table2
from pipeline.errors import DataError

TABLE1 = read_table1(PUBLISHED / "table1.csv")
WORDS = (
    *(b"t1[DPDNet,params_m]", b"for each row m: ", b"exists ", b"best(indoor_mae)", b"rounds to"),
    *(b"1/0", b"((((", b"not not ", b"{k}", b"^16^16", b"manual", b"value", b"holds", b"nothing"),
)


def test_claims(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED, folder)
    lines = (folder / "claims.csv").read_bytes().splitlines(keepends=True)
    # One of each kind is enough, and quicker.
    content = b"".join([lines[0], *lines[4:45:6]])
    read: Read = from_file(folder / "claims.csv", lambda _: audit(folder, COUNTED))
    fuzz(read, mutations([content], words=WORDS), refusals=(DataError,))


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
