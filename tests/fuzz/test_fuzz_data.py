"""Damaged files of a data set: a `DataError`, nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from support.fuzz import from_file, fuzz
from support.image_sets import write_set
from support.miniatures import random_scene, write_store
from support.mutations import mutations, other_values

from pipeline.config.blocks import Patches
from pipeline.data.inspection.layout import locate
from pipeline.data.inspection.scene_labels import read_labels
from pipeline.data.manifest import build_manifest, read_manifest, write_manifest
from pipeline.data.sampling.patch_index import read_patch_index, write_patch_index
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError

WORDS = [b",", b",,", b'"', b'""', b";", b"main", b"outdoor", b"train,", b"../", b"C:\\", b".png"]
PATCHES = Patches(size=16, overlap=0.5, discard=0.3)


def make_store(folder: Path) -> PixelStore:
    scenes = [(split, random_scene(24, 32, seed)) for seed, split in enumerate(("train", "val"))]
    return write_store(folder, scenes)


def test_manifests(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, build_manifest(write_set(tmp_path / "raw")))
    seeds = [path.read_bytes(), path.read_bytes().replace(b"\n", b"\r\n")]
    fuzz(from_file(path, read_manifest), mutations(seeds, words=WORDS), refusals=(DataError,))


def test_labels(tmp_path: Path) -> None:
    write_set(tmp_path)
    place, path = locate(tmp_path), tmp_path / "scenes.csv"
    seed = b"split,source,category,group\ntrain,1P0A0890.png,indoor,main\ntest,a.png,outdoor,main\n"
    read = from_file(path, lambda _: read_labels(tmp_path, place, ["a.png"]))
    fuzz(read, mutations([seed], words=WORDS), refusals=(DataError,))


def test_store_indexes(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    path = tmp_path / "store" / "index.json"
    seeds = [path.read_bytes(), json.dumps(json.loads(path.read_bytes()), indent=1).encode()]
    read = from_file(path, lambda _: _read_all(PixelStore(tmp_path / "store")))
    fuzz(read, mutations(seeds), refusals=(DataError,))


def test_store_indexes_of_other_values(tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    path = tmp_path / "store" / "index.json"
    inputs = other_values(json.loads(path.read_bytes()))
    read = from_file(path, lambda _: _read_all(PixelStore(tmp_path / "store")))
    fuzz(read, inputs, refusals=(DataError,))


def _read_all(store: PixelStore) -> None:
    """What an accepted index says must be readable."""
    for number in range(len(store.scenes)):
        store.read(number)


def test_patch_indexes(tmp_path: Path) -> None:
    store, path = make_store(tmp_path / "store"), tmp_path / "patches.csv"
    write_patch_index(store, PATCHES, path)
    read = from_file(path, lambda path: read_patch_index(path, store, PATCHES))
    fuzz(read, mutations([path.read_bytes()], words=WORDS), refusals=(DataError,))
