"""Damaged result records: a `RecordError`, nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.factories import complexity, result, run, sensitivity, study
from support.fuzz import from_file, fuzz
from support.mutations import mutations, other_values

from pipeline.errors import RecordError
from pipeline.records import CHECKSUM, _checksum, read_record, write_record

RECORDS: list[Any] = [run(), result(), complexity(), sensitivity(), study()]


def resealed(content: bytes) -> bytes:
    """The record with the checksum of what it holds, as an attacker would write it."""
    try:
        tree = json.loads(content)
        sealed = {**tree, CHECKSUM: _checksum(tree)}
    except (ValueError, TypeError, RecursionError):
        return content
    return json.dumps(sealed).encode()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_damaged_bytes(tmp_path: Path, record: Any) -> None:
    path = tmp_path / "record.json"
    write_record(path, record)
    read = from_file(path, lambda path: read_record(path, type(record)))
    fuzz(read, mutations([path.read_bytes()]), refusals=(RecordError,))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_damage_behind_the_checksum(tmp_path: Path, record: Any) -> None:
    read = from_file(tmp_path / "record.json", lambda path: read_record(path, type(record)))
    inputs = mutations([record.model_dump_json().encode()]).passed_through(resealed)
    report = fuzz(read, inputs, refusals=(RecordError,))
    assert report.outcomes["accepted"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_other_values(tmp_path: Path, record: Any) -> None:
    read = from_file(tmp_path / "record.json", lambda path: read_record(path, type(record)))
    inputs = other_values(json.loads(record.model_dump_json())).passed_through(resealed)
    report = fuzz(read, inputs, refusals=(RecordError,))
    assert report.outcomes["accepted"]
