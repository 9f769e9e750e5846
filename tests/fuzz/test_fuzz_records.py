"""Damaged result records: a `RecordError`, nothing else."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from support.factories import complexity, result, run, sensitivity, study
from support.fuzz import from_file, fuzz
from support.mutations import changed_tree, mutations

from pipeline.errors import RecordError
from pipeline.records import read_record

RECORDS: list[Any] = [run(), result(), complexity(), sensitivity(), study()]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_damaged_bytes(tmp_path: Path, record: Any) -> None:
    read = from_file(tmp_path / "record.json", lambda path: read_record(path, type(record)))
    seeds = [record.model_dump_json(indent=indent).encode() for indent in (None, 2)]
    fuzz(read, mutations(seeds), refusals=(RecordError,))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.kind)
def test_other_values(tmp_path: Path, record: Any) -> None:
    read = from_file(tmp_path / "record.json", lambda path: read_record(path, type(record)))
    tree = json.loads(record.model_dump_json())

    def inputs(chance: random.Random) -> bytes:
        return json.dumps(changed_tree(tree, chance), default=repr).encode()

    fuzz(read, inputs, refusals=(RecordError,))
