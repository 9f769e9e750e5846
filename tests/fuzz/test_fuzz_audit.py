"""Damaged claims, tables and counts: refused on one line, or audited."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.fuzz import Read, from_file, fuzz
from support.mutations import mutations
from support.paths import COUNTED, PUBLISHED

from pipeline.audit.checking import audit
from pipeline.audit.counted import read_counted
from pipeline.errors import DataError

WORDS = (
    *(b"t1[DPDNet,params_m]", b"for each row m: ", b"exists ", b"best(indoor_mae)", b"rounds to"),
    *(b"1/0", b"((((", b"not not ", b"{k}", b"^16^16", b"manual", b"value", b"holds", b"nothing"),
)


@pytest.mark.parametrize("name", ["claims.csv", "table1.csv", "table2.csv", "literature.csv"])
def test_published_files(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED, folder)
    content = (folder / name).read_bytes()
    read: Read = from_file(folder / name, lambda _: audit(folder, COUNTED))
    fuzz(read, mutations([content], words=WORDS), refusals=(DataError,))


def test_counts(tmp_path: Path) -> None:
    read = from_file(tmp_path / "complexity.csv", read_counted)
    fuzz(read, mutations([COUNTED.read_bytes()]), refusals=(DataError,))
