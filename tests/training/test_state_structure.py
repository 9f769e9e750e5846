"""A value of a saved state must have the structure of the training's own, at every depth."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from support.states import packed, sealed

from pipeline.training.checkpoint import _check_archive, _read
from pipeline.training.state_check import StateError, _like

WANTED: dict[str, Any] = {
    "scale": 65536.0,
    "skipped": 0,
    "on": True,
    "name": "adam",
    "none": None,
    "pair": (0.9, 0.99),
    "list": [1, 2],
    "weight": torch.zeros(2, 3),
    "inner": {"count": 3},
}


def found(name: str, value: Any) -> dict[str, Any]:
    return {**WANTED, name: value}


def test_other_values_of_the_same_structure_are_fine() -> None:
    for name, value in (("scale", 1.0), ("skipped", 7), ("on", False), ("name", "x"),
                        ("pair", (0.0, 1.0)), ("list", [5, 6]), ("weight", torch.ones(2, 3)),
                        ("inner", {"count": 0})):  # fmt: skip
        _like("all", found(name, value), WANTED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", 65536), ("scale", "65536.0"), ("scale", float("nan")), ("scale", float("inf")),
        ("scale", None), ("skipped", 0.0), ("skipped", False), ("on", 1), ("name", b"adam"),
        ("none", 0), ("pair", [0.9, 0.99]), ("pair", (0.9,)), ("pair", (0.9, 1)),
        ("list", (1, 2)), ("list", [1, 2, 3]), ("list", [1, "2"]), ("weight", [[0.0] * 3] * 2),
        ("weight", torch.zeros(3, 2)), ("weight", torch.zeros(2, 3, dtype=torch.float64)),
        ("weight", torch.zeros(2, 3).to_sparse()), ("weight", torch.zeros(2, 3, device="meta")),
        ("weight", torch.zeros(2, 3, requires_grad=True)), ("inner", {}), ("inner", [3]),
        ("inner", {"count": 3.0}), ("inner", {"count": 3, "more": 1}),
    ],
)  # fmt: skip
def test_another_structure_is_refused_with_its_place(name: str, value: Any) -> None:
    with pytest.raises(
        StateError, match=rf"^all\.{name}\S* is missing or of another type or shape"
    ):
        _like("all", found(name, value), WANTED)


def test_keys_that_are_missing_or_superfluous() -> None:
    without = {key: value for key, value in WANTED.items() if key != "name"}
    for state in (without, found("more", 1), [], None):
        with pytest.raises(StateError, match=r"^all is missing"):
            _like("all", state, WANTED)


def archive(compression: int, size: int = 5000) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as opened:
        opened.writestr("state/data.pkl", bytes(size))
    return stream.getvalue()


def test_a_state_is_an_archive_that_is_not_compressed() -> None:
    """`torch.load` would inflate what is compressed to any size."""
    _check_archive(archive(zipfile.ZIP_STORED))
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with pytest.raises(StateError, match=r"is not an archive of torch\.save"):
            _check_archive(archive(compression))
    with pytest.raises(StateError):
        _check_archive(archive(zipfile.ZIP_STORED)[:-30])


def test_an_archive_that_claims_more_than_it_holds() -> None:
    content = bytearray(archive(zipfile.ZIP_STORED))
    # The size in the directory at the end, 24 bytes into its entry.
    place = content.rindex(b"PK\x01\x02") + 24
    assert int.from_bytes(content[place : place + 4], "little") == 5000
    content[place : place + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(StateError, match=r"is not an archive of torch\.save"):
        _check_archive(bytes(content))


def test_a_text_in_an_encoding_that_is_not_there(tmp_path: Path) -> None:
    """Bytes are pickled as a text and the name of its encoding."""
    path = tmp_path / "step.state"
    path.write_bytes(packed({"fingerprint": "{}", "snapshot": {"bytes": bytes([200])}}))
    assert _read(path) == ({}, {"bytes": bytes([200])})
    path.write_bytes(sealed(path.read_bytes()[64:].replace(b"latin1", b"lat*n1")))
    with pytest.raises(StateError):
        _read(path)
