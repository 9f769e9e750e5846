"""Work that was left over is resumed if it is the same store's, and discarded otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.fixture_types import Tiny

from pipeline.data.journal import Journal
from pipeline.data.manifest import read_manifest, write_manifest
from pipeline.data.store import build
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import FORMAT, PixelStore
from pipeline.files import sha256_of

SHA256 = "the manifest's"


def left_over(tiny: Tiny, folder: Path, header: list[str]) -> None:
    """A finished work folder under this header, full of other pixels."""
    work = folder / "store.partial"
    work.mkdir()
    pixels = bytearray((tiny.store / "pixels.u16").read_bytes())
    pixels[::2] = bytes(len(pixels[::2]))
    (work / "pixels.u16").write_bytes(pixels)
    scenes = json.loads((tiny.store / "index.json").read_bytes())["scenes"]
    journal = Journal(work / "journal.jsonl", header)
    for number, scene in enumerate(scenes):
        journal.add([number, scene["sha256"]])


@pytest.mark.parametrize(
    "header",
    [
        [FORMAT, "0" * 64],
        ["tiles of 32, 1", SHA256],
        ["tiles of 32, 1", "0" * 64],
        [FORMAT],
        [FORMAT, SHA256, "more"],
        [SHA256, FORMAT],
    ],
)
def test_work_on_another_store_is_discarded(tiny: Tiny, tmp_path: Path, header: list[str]) -> None:
    own = sha256_of(tiny.manifest)
    left_over(tiny, tmp_path, [own if part == SHA256 else part for part in header])
    build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    PixelStore(tmp_path / "store").verify()
    for name in ("pixels.u16", "index.json"):
        assert (tmp_path / "store" / name).read_bytes() == (tiny.store / name).read_bytes()


def test_work_on_the_same_store_is_resumed(tiny: Tiny, tmp_path: Path) -> None:
    left_over(tiny, tmp_path, [FORMAT, sha256_of(tiny.manifest)])
    shutil.copy(tiny.store / "pixels.u16", tmp_path / "store.partial" / "pixels.u16")
    # No image is read again.
    build_store(tmp_path / "gone", tiny.manifest, tmp_path / "store")
    PixelStore(tmp_path / "store").verify()
    assert {path.name for path in (tmp_path / "store").iterdir()} == {"pixels.u16", "index.json"}


def test_a_stopped_build_of_another_manifest_is_discarded(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.csv"
    swapped = {"train": "val", "val": "train", "test": "test"}
    rows = read_manifest(tiny.manifest)
    rows = [row.model_copy(update={"split": swapped[row.split]}) for row in rows]
    write_manifest(other, sorted(rows, key=lambda row: row.split))
    with monkeypatch.context() as patch:
        patch.setattr(build, "_put_in_place", stop)
        with pytest.raises(KeyboardInterrupt):
            build_store(tiny.raw, other, tmp_path / "store")
    build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    PixelStore(tmp_path / "store").verify()
    found = (tmp_path / "store" / "pixels.u16").read_bytes()
    assert found == (tiny.store / "pixels.u16").read_bytes()
    assert not (tmp_path / "store.partial").exists()


def stop(*_: Path) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "b"),
        (["a", "b"], ["b", "a"]),
        (["a"], ["a", "b"]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": None}),
        (None, 0),
        (1, "1"),
    ],
)
def test_only_an_equal_header_is_the_same_work(tmp_path: Path, one: Any, other: Any) -> None:
    path = tmp_path / "journal"
    Journal(path, one).add("entry")
    assert Journal(path, one).entries == ["entry"]
    assert Journal(path, other).entries == []
    # What was discarded does not come back.
    assert Journal(path, one).entries == []


def test_the_order_of_a_headers_names_does_not_matter(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", {"a": 1, "b": 2}).add("entry")
    assert Journal(tmp_path / "journal", {"b": 2, "a": 1}).entries == ["entry"]
