"""Records: what is written is what is read, and nothing else is accepted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.factories import complexity, result, run, sensitivity, study, way
from support.paths import DOCS

from pipeline.errors import DataError, RecordError
from pipeline.records import (
    RECORD_TYPES,
    ComplexityRecord,
    ControlScore,
    DoctorReport,
    Floor,
    ImageReport,
    ResultRecord,
    RunRecord,
    StudyRecord,
    read_record,
    write_record,
)
from pipeline.stages.schemas import write_schemas

SCHEMAS = DOCS / "schemas"
RECORDS = [
    run(learned={"amount": 1 / 3}),
    result(extra={"lpips": None}, groups={}),
    result().model_copy(
        update={
            "controls": {"ground truth": {"psnr": ControlScore(expected=100.0, found=100.0)}},
            "floor": Floor(scenes=4, psnr=20.5, input_psnr=19.25),
        }
    ),
    sensitivity(way("unclamped", psnr=-0.1, ssim=None)),
    complexity(by_operator={"conv": 2**53}),
    study(),
    DoctorReport(
        root="raw",
        layout="official layout in raw",
        labels="published list",
        ground_truth=True,
        scenes={"test": 1},
        unjudged=0,
        seconds=0.5,
        problems=("raw/b.png: is missing; copy it again",),
        notes=(),
        images={
            "a.png": ImageReport(
                width=8,
                height=6,
                bit_depth=16,
                bytes=99,
                sha256="0" * 64,
                correlation=0.9,
                shift=(0.0, -2.0),
            )
        },
    ),
]


def named(record: Any) -> str:
    return type(record).__name__


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_round_trip(tmp_path: Path, record: Any) -> None:
    path = tmp_path / "deep" / "record.json"
    write_record(path, record)
    assert read_record(path, type(record)) == record
    again = tmp_path / "again.json"
    write_record(again, read_record(path, type(record)))
    assert again.read_bytes() == path.read_bytes()
    assert path.read_bytes().endswith(b"}\n")


def refused(tmp_path: Path, text: str | bytes, kind: Any = RunRecord) -> str:
    path = tmp_path / "record.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecordError) as caught:
        read_record(path, kind)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "run its stage again" in message
    return message


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_unknown_and_missing_fields(tmp_path: Path, record: Any) -> None:
    data = json.loads(record.model_dump_json())
    assert "color" in refused(tmp_path, json.dumps({**data, "color": 1}), type(record))
    lost = {DoctorReport: "root", StudyRecord: "labels"}.get(type(record), "row")
    assert lost in refused(
        tmp_path, json.dumps({k: v for k, v in data.items() if k != lost}), type(record)
    )


def test_unknown_fields_inside_a_block(tmp_path: Path) -> None:
    data = json.loads(run().model_dump_json())
    data["provenance"]["weather"] = "rain"
    assert "provenance.weather" in refused(tmp_path, json.dumps(data))


@pytest.mark.parametrize(
    ("field", "value"),
    [("label", "mine"), ("epoch", "two"), ("val_psnr", None), ("kind", "result")],
)
def test_wrong_values(tmp_path: Path, field: str, value: Any) -> None:
    data = json.loads(run().model_dump_json())
    assert field in refused(tmp_path, json.dumps({**data, field: value}))


def test_a_record_of_another_kind(tmp_path: Path) -> None:
    text = result().model_dump_json()
    refused(tmp_path, text, RunRecord)
    refused(tmp_path, text, ComplexityRecord)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_files_that_are_no_record(tmp_path: Path, text: bytes) -> None:
    refused(tmp_path, text)


DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        b"[" * DEEP,
        b'{"a":' * DEEP,
        b'{"kind": ' + b"9" * 5000 + b"}",
        b'{"kind": "run", "method": "\xff"}',
        b'{"kind": "run", "method": "\\ud800"}',
        b'{"' + b"a" * DEEP + b'": 1}',
        b'{"a\\nb\\u202e": 1}',
    ],
    ids=lambda text: repr(text[:20]),
)
def test_files_that_are_hardly_json(tmp_path: Path, text: bytes) -> None:
    message = refused(tmp_path, text)
    assert len(message) < 1000
    assert message.isprintable()


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (run(), ("trained_params",)),
        (run(), ("samples",)),
        (run(), ("val_psnr",)),
        (run(learned={"amount": 1.0}), ("learned", "amount")),
        (run(), ("provenance", "wall_s")),
        (result(), ("scores", "combined", "mean", "psnr")),
        (result(), ("scores", "combined", "n")),
        (complexity(), ("params",)),
        (complexity(), ("flops_paper",)),
        (complexity(), ("size", 0)),
        (complexity(), ("counted_at", 0, 1)),
        (complexity(by_operator={"conv": 1}), ("by_operator", "conv")),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else value.kind,
)
@pytest.mark.parametrize("value", ["1" + "0" * 30, "-1" + "0" * 30, "1e300", "9" * 5000])
def test_numbers_beyond_any_use(
    tmp_path: Path, record: Any, place: tuple[Any, ...], value: str
) -> None:
    data = json.loads(record.model_dump_json())
    block = data
    for key in place[:-1]:
        block = block[key]
    block[place[-1]] = "HERE"
    text = json.dumps(data).replace('"HERE"', value)
    message = refused(tmp_path, text, type(record))
    assert place[0] in message or value.startswith("9999")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"record.json: cannot be read \(No such file"):
        read_record(tmp_path / "record.json", ResultRecord)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_record(tmp_path / "file" / "record.json", run())


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_records_are_checked_when_written(tmp_path: Path) -> None:
    # `model_copy` checks nothing.
    wrong = run().model_copy(update={"epoch": "two"})
    with pytest.raises(ValidationError, match="epoch"):
        write_record(tmp_path / "record.json", wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        run(val_psnr=value)


def test_published_schemas_are_up_to_date(tmp_path: Path) -> None:
    """If this fails: `dmtbench schemas docs/schemas`."""
    written = write_schemas(tmp_path)
    assert len(written) > len(RECORD_TYPES)
    expected, found = (
        {path.name: path.read_text() for path in folder.iterdir()} for folder in (tmp_path, SCHEMAS)
    )
    assert found == expected


def test_schemas_know_their_records(tmp_path: Path) -> None:
    for record in RECORDS:
        schema = json.loads((SCHEMAS / f"{named(record)}.schema.json").read_text())
        write_record(tmp_path / "record.json", record)
        data = json.loads((tmp_path / "record.json").read_text())
        assert set(schema["properties"]) == set(data)
        assert schema["additionalProperties"] is False
