"""The pixel store: the images bit for bit, or an error that names the remedy."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fixture_types import Tiny
from support.folders import content, names
from support.miniatures import as_tiles, random_scene, write_store

from pipeline.data.manifest import read_manifest, write_manifest
from pipeline.data.store.build import build_store, store_rows, store_size
from pipeline.data.store.reader import STORED_VIEWS, PixelStore
from pipeline.data.store.tiles import tile_rows
from pipeline.errors import DataError
from pipeline.files import sha256_of
from pipeline.lease import hold


def decoded(path: Path) -> np.ndarray:
    """A 16-bit RGB PNG, by OpenCV alone."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]


def test_the_images_bit_for_bit(tiny: Tiny) -> None:
    store = PixelStore(tiny.store)
    rows = [row for row in read_manifest(tiny.manifest) if row.split in ("train", "val")]
    assert [(scene.split, scene.source) for scene in store.scenes] == [
        (row.split, row.source) for row in rows
    ]
    for number, row in enumerate(rows):
        found = store.read(number)
        paths = {view: tiny.raw / name for view, name in row.files.items()}
        assert list(found) == list(paths) == list(STORED_VIEWS)
        for view, path in paths.items():
            assert found[view].dtype == np.uint16
            np.testing.assert_array_equal(found[view], decoded(path))


def test_test_images_stay_outside(tiny: Tiny) -> None:
    store = PixelStore(tiny.store)
    assert {scene.split for scene in store.scenes} == {"train", "val"}
    assert store.of_split("train") == [0]
    assert store.of_split("val") == [1]
    with pytest.raises(DataError, match="holds no scene of split 'test'; add some"):
        store.of_split("test")


PIXELS = random_scene(150, 201, seed=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    """Sides of several tiles and a bit; the first scene is smaller than a tile."""
    scenes = [("train", random_scene(9, 4)), ("train", PIXELS)]
    return write_store(tmp_path_factory.mktemp("windows") / "store", scenes)


@given(st.data())
def test_a_window_is_a_slice(store: PixelStore, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, 149)), data.draw(st.integers(0, 200))
    height = data.draw(st.integers(1, 150 - top))
    width = data.draw(st.integers(1, 201 - left))
    views = data.draw(st.permutations(STORED_VIEWS))[: data.draw(st.integers(1, 4))]
    found = store.read(1, (top, left, height, width), views)
    assert list(found) == list(views)
    for view, image in found.items():
        whole = PIXELS[STORED_VIEWS.index(view)]
        np.testing.assert_array_equal(image, whole[top : top + height, left : left + width])


def test_a_whole_scene(store: PixelStore) -> None:
    for view, image in store.read(1).items():
        np.testing.assert_array_equal(image, PIXELS[STORED_VIEWS.index(view)])


def test_the_tiles_of_the_builder_are_those_of_the_reader() -> None:
    rows = tile_rows(dict(zip(STORED_VIEWS, PIXELS, strict=True)))
    assert b"".join(row.tobytes() for row in rows) == as_tiles(PIXELS)


def test_readers_get_copies(tiny: Tiny) -> None:
    store = PixelStore(tiny.store)
    image = store.read(0)["target"]
    before = image.copy()
    image += 1
    np.testing.assert_array_equal(store.read(0)["target"], before)


def test_another_process_maps_the_file_itself(store: PixelStore) -> None:
    content = pickle.dumps(store)
    assert len(content) < 1000
    np.testing.assert_array_equal(pickle.loads(content).read(1)["left"], PIXELS[1])


def test_a_store_knows_its_manifest(tiny: Tiny) -> None:
    store = PixelStore(tiny.store)
    store.check_manifest(sha256_of(tiny.manifest))
    with pytest.raises(DataError, match="built from another manifest; delete it and rebuild it"):
        store.check_manifest("0" * 64)


def test_the_index_has_the_checksum_of_every_scene_and_of_all(tiny: Tiny) -> None:
    index = json.loads((tiny.store / "index.json").read_bytes())
    content, checksums = (tiny.store / "pixels.u16").read_bytes(), ""
    for scene, after in zip(index["scenes"], [*index["scenes"][1:], None], strict=True):
        part = content[2 * scene["offset"] : after and 2 * after["offset"]]
        assert scene["sha256"] == hashlib.sha256(part).hexdigest()
        checksums += scene["sha256"]
    assert index["sha256"] == hashlib.sha256(checksums.encode()).hexdigest()
    assert index["views"] == list(STORED_VIEWS)


def cut(folder: Path) -> None:
    pixels = folder / "pixels.u16"
    pixels.write_bytes(pixels.read_bytes()[:-2])


def lengthen(folder: Path) -> None:
    with (folder / "pixels.u16").open("ab") as stream:
        stream.write(b"\0\0")


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (cut, r"pixels.u16: is not \d+ bytes long; delete"),
        (lengthen, r"pixels.u16: is not \d+ bytes long; delete"),
        (lambda folder: (folder / "pixels.u16").unlink(), r"pixels.u16: is not \d+ bytes long"),
        (lambda folder: (folder / "index.json").unlink(), "index.json: cannot be read .*build"),
        (
            lambda folder: (folder / "index.json").write_text("{"),
            "index.json: is not a store index",
        ),
        (
            lambda folder: (folder / "index.json").write_text("[]"),
            "index.json: is not a store index",
        ),
        (
            lambda folder: (folder / "index.json").write_text("{}"),
            "index.json: is not a store index",
        ),
    ],
)
def test_damage_is_noticed(
    tiny: Tiny, tmp_path: Path, damage: Callable[[Path], None], match: str
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(tiny.store, folder)
    PixelStore(folder)
    damage(folder)
    with pytest.raises(DataError, match=match):
        PixelStore(folder)


def test_a_changed_image_is_refused_and_nothing_is_left(tiny: Tiny, tmp_path: Path) -> None:
    raw, target = tmp_path / "raw", tmp_path / "out" / "store"
    shutil.copytree(tiny.raw, raw)
    first, second = (next((raw / f"{split}_l" / "source").iterdir()) for split in ("train", "val"))
    # The last one to be read: others have been stored by then.
    shutil.copy(first, second)
    with pytest.raises(DataError, match="is not the file in the manifest") as caught:
        build_store(raw, tiny.manifest, target)
    assert str(second) in str(caught.value)
    assert not target.exists()
    # With the right image back, the rest is not done again.
    journal = tmp_path / "out" / "store.partial" / "journal.jsonl"
    assert len(journal.read_text().splitlines()) == 2
    shutil.copytree(tiny.raw, raw, dirs_exist_ok=True)
    shutil.rmtree(raw / "train_l")
    build_store(raw, tiny.manifest, target)
    assert content(target) == content(tiny.store)
    assert names(target.parent) == {"store"}


def test_a_set_of_test_images_alone_makes_an_empty_store(tiny: Tiny, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    rows = [row for row in read_manifest(tiny.manifest) if row.split == "test"]
    write_manifest(manifest, rows)
    build_store(tiny.raw, manifest, tmp_path / "store")
    with pytest.raises(DataError, match="holds no scene of split 'train'"):
        PixelStore(tmp_path / "store").of_split("train")


def test_somebodys_folder_is_not_replaced(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="store: holds something other than a store; choose"):
        build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    assert content(tmp_path / "store") == {"thesis.txt": b"years of work"}


def test_a_disk_that_is_too_small(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = store_size(store_rows(tiny.manifest))
    assert needed == (tiny.store / "pixels.u16").stat().st_size
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, needed - 1))
    with pytest.raises(
        DataError, match=r"store.partial: needs 196.6 kB and has 196.6 kB free; free"
    ):
        build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, needed))
    build_store(tiny.raw, tiny.manifest, tmp_path / "store")


def test_two_builders_do_not_meet(tiny: Tiny, tmp_path: Path) -> None:
    with (
        hold(tmp_path / ".store.lock"),
        pytest.raises(DataError, match=r"store: is being built by process \d+ on .*; wait"),
    ):
        build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    assert not names(tmp_path)


def test_damaged_scenes_are_named(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(tiny.store, folder)
    PixelStore(folder).verify()
    second = PixelStore(folder).scenes[1]
    with (folder / "pixels.u16").open("r+b") as stream:
        stream.seek(2 * (second.offset + second.elements) - 1)
        byte = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([byte[0] ^ 1]))
    with pytest.raises(DataError) as caught:
        PixelStore(folder).verify()
    assert f"pixels.u16: {second.source} differ from their checksums; delete" in str(caught.value)
