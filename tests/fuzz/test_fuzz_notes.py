"""Damaged notes of a running job: taken as if they were not there."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from support.fuzz import Read, from_file, fuzz
from support.mutations import mutations, other_values

from pipeline.claims import Owner, newest, path_of
from pipeline.data.journal import Journal
from pipeline.training.progress import State, read_state, texts
from pipeline.training.run_lock import RunLock

HEADER, ENTRIES = ["work", 1], [[0, "abc"], [1, [0.5, 1.5]], [2, {"a": None}]]
PROGRESS = State("dmtnet-b", 8, 80, 0.25, None, 12.5)._asdict()
OWNER = {"host": "far", "pid": 12, "since": 1.7e9}


LINES = [json.dumps(entry).encode() for entry in ENTRIES]


def has_other_checksum(line: bytes) -> bool:
    checksum, _, text = line.partition(b" ")
    return text not in LINES and checksum == b"%08x" % zlib.crc32(text + b"\n")


def test_journals(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, HEADER)
    for entry in ENTRIES:
        journal.add(entry)
    content = path.read_bytes()

    def read(path: Path) -> None:
        lines = path.read_bytes().splitlines()
        found = Journal(path, HEADER).entries
        # Lines may be repeated or missing, but none is another one: unless it has its own checksum,
        # which damage has by chance almost never, and a guided run can calculate.
        others = sum(entry not in ENTRIES for entry in found)
        assert others <= sum(map(has_other_checksum, lines))

    fuzz(from_file(path, read), mutations([content]), refusals=())


def test_progress_files(tmp_path: Path) -> None:
    def shown(path: Path) -> None:
        state = read_state(path)
        if state is not None:
            texts(state)
            assert state.name.isprintable()
            # Rich would take it for markup.
            assert "[" not in state.name

    read = from_file(tmp_path / "x.progress.json", shown)
    fuzz(read, mutations([json.dumps(PROGRESS).encode()]), refusals=())
    fuzz(read, other_values(PROGRESS), refusals=())


def test_notes_of_the_owner(tmp_path: Path) -> None:
    def shown(_: Path) -> None:
        text = RunLock(tmp_path)._taken()
        assert text.isprintable()
        assert len(text) < 1000

    read: Read = from_file(tmp_path / "owner.json", shown)
    fuzz(read, mutations([json.dumps(OWNER).encode()]), refusals=())
    fuzz(read, other_values(OWNER), refusals=())


def test_claims(tmp_path: Path) -> None:
    def shown(_: Path) -> None:
        claim = newest(tmp_path / "run.lock")
        assert claim is not None
        assert isinstance(claim.is_free, bool)
        assert claim.who.isprintable()
        assert len(claim.who) < 1000

    read: Read = from_file(path_of(tmp_path / "run.lock", 1), shown)
    this = Owner.this_process().model_dump()
    fuzz(read, mutations([json.dumps(this).encode(), b"released\n"]), refusals=())
    fuzz(read, other_values(this), refusals=())
