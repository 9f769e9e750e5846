"""Scenes are compared with their checksums when they are first read, once in all processes."""

from __future__ import annotations

import json
import mmap
import multiprocessing
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.fixture_types import Run, Tiny
from support.miniatures import compute, random_scene, recipe, write_store

from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError

SCENES = [("train", random_scene(40, 50, 1)), ("train", random_scene(40, 50, 2))]


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    return write_store(tmp_path / "store", SCENES)


def damage(store: PixelStore, number: int) -> None:
    """Change one bit of a scene, in the file that is mapped."""
    scene = store.scenes[number]
    with (store.folder / "pixels.u16").open("r+b") as stream:
        stream.seek(2 * (scene.offset + scene.elements) - 1)
        byte = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([byte[0] ^ 1]))


def noise(folder: Path) -> None:
    path = folder / "pixels.u16"
    size = path.stat().st_size
    path.write_bytes(np.random.default_rng(0).bytes(size))


def test_a_damaged_scene_is_never_read(store: PixelStore) -> None:
    damage(store, 1)
    store.read(0)
    planes = np.empty((3, 4, 4), np.uint16)
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            store.read_into(planes, 1, (0, 0, 4, 4), ["left"])
        assert str(caught.value) == (
            f"{store.folder / 'pixels.u16'}: 1.png differs from its checksum; "
            f"delete {store.folder} and rebuild it"
        )


def test_a_scene_is_compared_once(store: PixelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    matches = PixelStore._matches

    def count(self: PixelStore, number: int) -> bool:
        compared.append(number)
        return matches(self, number)

    monkeypatch.setattr(PixelStore, "_matches", count)
    for number in (0, 1, 1, 0, 1):
        store.read(number, (1, 2, 3, 4))
    assert compared == [0, 1]


class Requests:
    """Takes the place of a mapping; keeps the ranges that are requested."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def madvise(self, advice: int, start: int, length: int) -> None:
        assert advice == mmap.MADV_WILLNEED
        assert start % mmap.PAGESIZE == 0
        self.ranges.append((start, start + length))


def test_all_of_a_scene_is_prefetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Linux ignores the part of a request beyond 128 KiB, its usual read-ahead.
    store = write_store(tmp_path / "store", [SCENES[0], ("train", random_scene(200, 300, 2))])
    requests = Requests()
    monkeypatch.setattr(store, "_map", requests)
    store.read(1, (0, 0, 1, 1), ["target"])
    scene, read = store.scenes[1], 0
    for start, end in sorted(requests.ranges):
        assert end - start <= 128 * 1024
        if start <= max(read, 2 * scene.offset):
            read = max(read, end)
    assert read >= 2 * (scene.offset + scene.elements)


def _read(store: PixelStore, number: int) -> None:
    store.read(number)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_what_one_process_compared_no_other_compares(store: PixelStore, method: str) -> None:
    context = multiprocessing.get_context(method)
    for number in (0, 1):
        reader = context.Process(target=_read, args=(store, number))  # type: ignore[attr-defined]
        reader.start()
        reader.join()
        assert reader.exitcode == 0
        # A second comparison would see this.
        damage(store, number)
        store.read(number)
    with pytest.raises(DataError, match="differs"):
        PixelStore(store.folder).read(0)


def test_a_pickled_store_remembers(store: PixelStore) -> None:
    store.read(0)
    copy = pickle.loads(pickle.dumps(store))
    for number in (0, 1):
        damage(store, number)
    copy.read(0)
    with pytest.raises(DataError, match=r"1\.png differs"):
        copy.read(1)


def test_a_store_that_was_replaced_is_another_one(store: PixelStore) -> None:
    content = pickle.dumps(store)
    shutil.rmtree(store.folder)
    write_store(store.folder, SCENES[::-1])
    with pytest.raises(DataError, match="was replaced while in use"):
        pickle.loads(content)


def test_checksums_must_agree_with_each_other(store: PixelStore) -> None:
    """Somebody adapted the scenes' checksums to other pixels."""
    path = store.folder / "index.json"
    index = json.loads(path.read_text())
    index["scenes"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"index\.json: its checksums contradict each other; del"):
        PixelStore(store.folder)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_crop_loader_raises_the_readers_error(store: PixelStore, workers: int) -> None:
    noise(store.folder)
    again = PixelStore(store.folder)
    windows = index_windows(again, Patches(size=32, overlap=0.5, discard=0))
    loader = CropLoader(
        again,
        windows,
        views=("left", "right"),
        recipe=recipe(batch_size=2, crop=16),
        compute=compute(loader_workers=workers),
        seed=0,
    )
    with pytest.raises(DataError) as caught:
        list(loader.epoch(1))
    assert str(caught.value).endswith("rebuild it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["dmtnet-t", "unsharp", "linear-fit"])
def test_no_method_learns_from_replaced_pixels(
    run: Run, tiny: Tiny, tmp_path: Path, method: str
) -> None:
    folder, target = tmp_path / "store", tmp_path / "run"
    shutil.copytree(tiny.store, folder)
    noise(folder)
    done = run(
        *("train", method, "--config", tiny.config, "--manifest", tiny.manifest),
        *("--store", folder, "--patches", tiny.patches, "--output", target),
    )
    assert done.code == 1
    assert done.err[-1].startswith(f"error: {folder / 'pixels.u16'}: ")
    assert "differs from its checksum" in done.err[-1]
    assert not target.exists()
