"""A damaged index of a store: refused before anything is mapped."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from support.miniatures import random_scene, write_store

from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scenes = [(split, random_scene(8, 12, seed)) for seed, split in enumerate(("train", "val"))]
    write_store(tmp_path / "store", scenes)
    return tmp_path / "store"


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        PixelStore(folder)
    message = str(caught.value)
    # A last scene of another size is only noticed next to the pixels.
    assert ": is not a store index of this version (" in message or "pixels.u16: is not" in message
    assert message.endswith(f"; delete {folder} and rebuild it")
    assert message.isprintable()
    return message


SIZE = 4 * 3 * 8 * 12
WRONG: list[tuple[str, Any]] = [
    *(("offset", value) for value in (-1, -SIZE, 1, 2**63, 10**30, 1.5, "0", None, True, math.nan)),
    *(("height", value) for value in (0, -8, 2**63, 10**400, "8", None, 8.0, math.inf)),
    *(("width", value) for value in (0, -12, 24, 2**40, [12])),
    *(("split", value) for value in ("", "Train", None, ["train"], "a" * 1000)),
    *(("source", value) for value in ("", "../a.png", "a\nb", None, 3, "a" * 1000)),
    *(("sha256", value) for value in ("", "0" * 63, "z" * 64, None)),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
@pytest.mark.parametrize("number", [0, 1])
def test_wrong_scenes(folder: Path, number: int, field: str, value: Any) -> None:
    index = json.loads((folder / "index.json").read_text())
    if index["scenes"][number][field] == value:
        pytest.skip("it is right")
    index["scenes"][number][field] = value
    (folder / "index.json").write_text(json.dumps(index))
    refused(folder)


@pytest.mark.parametrize(
    "scenes",
    [
        lambda scenes: [scenes[1], scenes[0]],
        lambda scenes: [scenes[0], {**scenes[0], "offset": SIZE}],
        lambda scenes: [scenes[0], {**scenes[1], "offset": 0}],
        lambda scenes: [scenes[0], {**scenes[1], "offset": 2 * SIZE}],
        lambda scenes: [scenes[1]],
        lambda scenes: {"0": scenes[0]},
        lambda scenes: [{**scenes[0], "extra": 1}],
        lambda scenes: [{key: scenes[0][key] for key in ("split", "source")}],
        lambda scenes: [None],
        lambda scenes: None,
    ],
)
def test_scenes_that_do_not_tile_the_file(folder: Path, scenes: Any) -> None:
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**index, "scenes": scenes(index["scenes"])}))
    refused(folder)


@pytest.mark.parametrize("key", ["format", "manifest_sha256", "sha256", "scenes"])
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, ...])
def test_wrong_fields(folder: Path, key: str, value: Any) -> None:
    if (key, value) == ("scenes", []):
        pytest.skip("a set of test scenes only has no scenes")
    index = json.loads((folder / "index.json").read_text())
    index[key] = value
    if value is ...:
        del index[key]
    (folder / "index.json").write_text(json.dumps(index))
    refused(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 5000, b"9" * 5000]
)
def test_what_is_no_index(folder: Path, content: bytes) -> None:
    (folder / "index.json").write_bytes(content)
    refused(folder)
