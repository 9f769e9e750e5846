"""The journal of finished pieces."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from pipeline.data.journal import Journal


def test_what_was_noted_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = Journal(path, {"what": 1})
    assert first.entries == []
    first.add([0, "a"])
    first.add([1, 0.1])
    assert Journal(path, {"what": 1}).entries == first.entries == [[0, "a"], [1, 0.1]]


def test_other_work_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, 1).add("old")
    assert Journal(path, 2).entries == []
    assert Journal(path, 1).entries == []


def test_a_journal_cut_anywhere_keeps_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "work")
    for number in range(3):
        journal.add({"piece": number})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        found = Journal(path, "work")
        whole = max(0, content[:length].count(b"\n") - 1)
        assert found.entries == journal.entries[:whole]
        found.add("more")
        assert Journal(path, "work").entries == [*journal.entries[:whole], "more"]


@pytest.mark.parametrize("text", [b"[1,", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_a_line_that_is_no_json_is_damaged_whatever_its_checksum(
    tmp_path: Path, text: bytes
) -> None:
    path = tmp_path / "journal"
    Journal(path, "work").add("whole")
    with path.open("ab") as stream:
        stream.write(b"%08x " % zlib.crc32(text + b"\n") + text + b"\n")
    assert Journal(path, "work").entries == ["whole"]
