"""The journal of finished pieces."""

from __future__ import annotations

from pathlib import Path

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
