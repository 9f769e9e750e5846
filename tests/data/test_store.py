"""The pixel store: the pictures bit for bit, or an error that names the remedy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Tiny
from miniatures import random_scene, write_store

from pipeline.data.manifest import read_manifest, write_manifest
from pipeline.data.store import STORED_VIEWS, PixelStore, build_store
from pipeline.errors import DataError
from pipeline.files import sha256_of


def decoded(path: Path) -> np.ndarray:
    """A 16-bit RGB PNG, by OpenCV alone."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]


def test_the_pictures_bit_for_bit(tiny: Tiny) -> None:
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


def test_test_pictures_stay_outside(tiny: Tiny) -> None:
    store = PixelStore(tiny.store)
    assert {scene.split for scene in store.scenes} == {"train", "val"}
    assert store.of_split("train") == [0]
    assert store.of_split("val") == [1]
    with pytest.raises(DataError, match="holds no scene of split 'test'; add some"):
        store.of_split("test")


@pytest.mark.parametrize("window", [(0, 0, 20, 31), (3, 5, 7, 11), (19, 30, 1, 1)])
def test_a_window_is_a_slice(tmp_path: Path, window: tuple[int, int, int, int]) -> None:
    pixels = random_scene(20, 31, seed=2)
    store = write_store(tmp_path / "store", [("train", random_scene(9, 4)), ("train", pixels)])
    top, left, height, width = window
    for view, picture in store.read(1, window).items():
        whole = pixels[STORED_VIEWS.index(view)]
        np.testing.assert_array_equal(picture, whole[top : top + height, left : left + width])
    np.testing.assert_array_equal(store.read(1)["right"], pixels[2])


def test_pixels_cannot_be_changed_by_readers(tiny: Tiny) -> None:
    picture = PixelStore(tiny.store).read(0)["target"]
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0, 0] = 1


def test_a_store_knows_its_manifest(tiny: Tiny) -> None:
    store = PixelStore(tiny.store)
    store.check_manifest(sha256_of(tiny.manifest))
    with pytest.raises(DataError, match="built from another manifest; delete it and rebuild it"):
        store.check_manifest("0" * 64)


def test_the_index_has_the_checksum_of_the_pixels(tiny: Tiny) -> None:
    index = json.loads((tiny.store / "index.json").read_bytes())
    assert index["pixels_sha256"] == sha256_of(tiny.store / "pixels.u16")
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
        (lambda folder: (folder / "index.json").write_text("{"), "index.json: is no store index"),
        (lambda folder: (folder / "index.json").write_text("[]"), "index.json: is no store index"),
        (lambda folder: (folder / "index.json").write_text("{}"), "index.json: is no store index"),
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


def test_a_changed_picture_is_refused_and_nothing_is_left(tiny: Tiny, tmp_path: Path) -> None:
    raw, target = tmp_path / "raw", tmp_path / "out" / "store"
    shutil.copytree(tiny.raw, raw)
    first, second = (next((raw / f"{split}_l" / "source").iterdir()) for split in ("train", "val"))
    # The last one to be read: others have been stored by then.
    shutil.copy(first, second)
    with pytest.raises(DataError, match="is not the file in the manifest") as caught:
        build_store(raw, tiny.manifest, target)
    assert str(second) in str(caught.value)
    assert not list(target.parent.iterdir())


def test_a_set_of_test_pictures_alone_makes_an_empty_store(tiny: Tiny, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    rows = [row for row in read_manifest(tiny.manifest) if row.split == "test"]
    write_manifest(manifest, rows)
    build_store(tiny.raw, manifest, tmp_path / "store")
    with pytest.raises(DataError, match="holds no scene of split 'train'"):
        PixelStore(tmp_path / "store").of_split("train")


def test_equal_sets_give_equal_bytes(tiny: Tiny, tmp_path: Path) -> None:
    build_store(tiny.raw, tiny.manifest, tmp_path / "store")
    for name in ("pixels.u16", "index.json"):
        assert (tmp_path / "store" / name).read_bytes() == (tiny.store / name).read_bytes()
