"""A damaged journal: every line before the damage counts, none after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.data.journal import Journal

ENTRIES = [[0, "abc"], [1, {"energies": [0.5, 1.5]}], [2, "def"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "journal", "work")
    for entry in ENTRIES:
        journal.add(entry)
    return tmp_path / "journal"


def test_a_flipped_bit_anywhere_ends_the_journal_there(path: Path) -> None:
    content = path.read_bytes()
    header = content.index(b"\n") + 1
    for place in range(len(content)):
        for bit in (0, 5):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            # A damaged line also swallows the next one if its end is what was damaged.
            intact = 0 if place < header else content[:place].count(b"\n") - 1
            assert Journal(path, "work").entries == ENTRIES[:intact]


@pytest.mark.parametrize("line", ["[" * 100_000, "9" * 5000, "{}", "[3]", '[0, "other"]', "NaN"])
def test_lines_without_a_checksum_are_dropped(path: Path, line: str) -> None:
    with path.open("a") as stream:
        stream.write(f"{line}\n")
    journal = Journal(path, "work")
    assert journal.entries == ENTRIES
    journal.add([3, "ghi"])
    assert Journal(path, "work").entries == [*ENTRIES, [3, "ghi"]]
    assert json.dumps([3, "ghi"]) in path.read_text().splitlines()[-1]
