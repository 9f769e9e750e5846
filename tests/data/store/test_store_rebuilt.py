"""A pixel store that is made again: over another one, over unfinished work, and after kills."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support.fixture_types import Tiny
from support.folders import content, names
from support.kills import kill_repeatedly
from support.miniatures import random_scene
from support.paths import REPOSITORY

from pipeline.data.manifest import build_manifest, read_manifest, write_manifest
from pipeline.data.png import write_png16
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import STORED_VIEWS, PixelStore
from pipeline.errors import DataError
from pipeline.lease import Lease


def test_equal_sets_give_equal_bytes(tiny: Tiny, tmp_path: Path) -> None:
    build_store(tiny.raw, tiny.manifest, tmp_path / "store", workers=3)
    assert content(tmp_path / "store") == content(tiny.store)


def test_a_complete_store_is_left_alone_and_another_ones_replaced(
    tiny: Tiny, tmp_path: Path
) -> None:
    target = tmp_path / "store"
    shutil.copytree(tiny.store, target)
    build_store(tmp_path / "no images needed", tiny.manifest, target)
    assert content(target) == content(tiny.store)
    manifest = tmp_path / "manifest.csv"
    write_manifest(manifest, [row for row in read_manifest(tiny.manifest) if row.split == "val"])
    build_store(tiny.raw, manifest, target)
    assert [scene.split for scene in PixelStore(target).scenes] == ["val"]
    assert names(tmp_path) == {"store", "manifest.csv"}


def test_work_on_another_manifest_is_begun_anew(tiny: Tiny, tmp_path: Path) -> None:
    work = tmp_path / "store.partial"
    work.mkdir()
    (work / "pixels.u16").write_bytes(b"x" * 10**6)
    (work / "journal.jsonl").write_text('["tiles", "0"]\n[0, "1"]\n[1, "2"]\n')
    build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    assert content(tmp_path / "store") == content(tiny.store)


def test_a_build_that_lost_its_lease_puts_nothing_in_place(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "store"
    # As after the machine was suspended for longer than a lease lasts.
    monkeypatch.setattr(Lease, "is_held", False)
    with pytest.raises(DataError, match="another process builds it now"):
        build_store(tiny.raw, tiny.manifest, target)
    assert not target.exists()
    monkeypatch.undo()
    build_store(tiny.raw, tiny.manifest, target)
    assert content(target) == content(tiny.store)


def test_a_journal_without_its_pixels_counts_for_nothing(tiny: Tiny, tmp_path: Path) -> None:
    raw, target = tmp_path / "raw", tmp_path / "store"
    shutil.copytree(tiny.raw, raw)
    last = next((raw / "val_l" / "source").iterdir())
    last.unlink()
    with pytest.raises(DataError):
        build_store(raw, tiny.manifest, target)
    (tmp_path / "store.partial" / "pixels.u16").unlink()
    build_store(tiny.raw, tiny.manifest, target)
    assert content(target) == content(tiny.store)


def test_ten_kills_and_the_same_bytes(tmp_path: Path) -> None:
    raw, manifest, target = tmp_path / "raw", tmp_path / "manifest.csv", tmp_path / "store"
    for number in range(0, 80, 2):
        images = dict(zip(STORED_VIEWS, random_scene(160, 240, number), strict=True))
        source = f"source/1P0A{number:04d}"
        places = {"combined": f"c/{source}", "left": f"l/{source}_L", "right": f"r/{source}_R"}
        places["target"] = f"c/target/1P0A{number + 1:04d}"
        for view, place in places.items():
            write_png16(raw / f"train_{place}.png", images[view])
    write_manifest(manifest, build_manifest(raw))
    build_store(raw, manifest, tmp_path / "whole" / "store")
    command = [sys.executable, "-m", "pipeline", "store", "--root", raw, "--manifest", manifest]
    command += ["--output", target, "--workers", "2"]
    hits = kill_repeatedly(
        [str(part) for part in command],
        kills=10,
        reset=lambda: shutil.rmtree(target),
        cwd=REPOSITORY,
    )
    assert hits == 10
    assert content(target) == content(tmp_path / "whole" / "store")
    assert names(tmp_path) == {"raw", "manifest.csv", "whole", "store", "store.record.json"}
