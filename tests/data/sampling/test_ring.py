"""Shared memory for crops: its size, and what happens where there is too little of it."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.miniatures import VIEWS, compute, random_scene, recipe, write_store
from support.paths import REPOSITORY

from pipeline.compute.distributed import World
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.ring import batches_ahead, open_ring, ring_bytes
from pipeline.data.sampling.windows import index_windows

MACHINE = compute(loader_workers=2, prefetch=4)
ELEMENTS = 50_000
# For 0.9 MB: nine buffers, five, or three.
FULL, HALF, LEAST = (2 * ELEMENTS * (2 * ahead + 1) for ahead in (4, 2, 1))


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file, nor memory that is used like one, may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("size", "ahead", "instead"),
    [
        (FULL, 4, ""),
        (FULL - 1, 2, "each worker reads 2 instead of 4 batches ahead"),
        (HALF, 2, "each worker reads 2 instead of 4 batches ahead"),
        (HALF - 1, 1, "each worker reads 1 instead of 4 batches ahead"),
        (LEAST, 1, "each worker reads 1 instead of 4 batches ahead"),
        (LEAST - 1, 0, "the workers send their crops through pipes, which is slower"),
    ],
)
def test_the_ring_is_as_long_as_memory_allows(
    capfd: pytest.CaptureFixture[str], size: int, ahead: int, instead: str
) -> None:
    with limited(size):
        ring = open_ring(MACHINE, ELEMENTS)
    found = 0 if ring is None else batches_ahead(ring, 2)
    assert found == ahead
    error = capfd.readouterr().err
    if not instead:
        assert error == ""
        return
    assert error.startswith("warning: 1 MB of shared memory for crops: ")
    assert error.endswith(f"; {instead}\n")
    assert error.count("\n") == 1


def test_more_than_the_machine_has_is_not_touched(capfd: pytest.CaptureFixture[str]) -> None:
    assert open_ring(MACHINE, 10**14) is None
    assert "Cannot allocate memory" in capfd.readouterr().err


RECIPES: tuple[dict[str, Any], ...] = (
    {"batch_size": 5, "crop": 48, "passes_per_epoch": 4},
    {"batch_size": 5, "crop": None, "passes_per_epoch": 4},
    {
        "batch_size": 2,
        "crop": 64,
        "passes_per_epoch": None,
        "steps_per_epoch": 2,
        "phases": (
            {"epochs": 1, "crop": 32, "batch_size": 9},
            {"epochs": 1, "crop": 48, "batch_size": 3},
        ),
    },
    {
        "batch_size": 2,
        "crop": 16,
        "companion": {"batch_size": 3, "crop": 40, "crops_from": "images", "frames": 2},
    },
)


@pytest.mark.parametrize("changes", RECIPES)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_process_reserves_its_share(tmp_path: Path, changes: dict[str, Any], size: int) -> None:
    scenes = [("train", random_scene(64, 80, number)) for number in range(2)]
    store = write_store(tmp_path / "store", scenes, ["1-1.png", "1-2.png"])
    how = recipe(**changes)
    loader = CropLoader(
        store,
        index_windows(store, Patches(size=64, overlap=0.5, discard=0)),
        views=VIEWS,
        recipe=how,
        compute=MACHINE,
        seed=0,
        companion=store if how.companion else None,
        world=World(size - 1, size),
    )
    assert loader._ring is not None
    reserved = loader._ring.slots.nbytes
    assert reserved == ring_bytes(how, MACHINE, views=2, window=64, world_size=size)
    # Every share fits, and the largest one fills its buffer.
    values = [
        -(-min(batch.keep, len(batch.crops)) // size) * batch.frames * batch.side**2
        for epoch in (1, 2)
        for batch in loader.sampler.epoch(epoch)
    ]
    assert loader._ring.slots.shape == (9, 9 * max(values))


def test_without_workers_nothing_is_shared() -> None:
    assert ring_bytes(recipe(), compute(), views=2, window=64) == 0


SMALL = """
import os, sys
from pathlib import Path
from support.miniatures import VIEWS, compute, recipe
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore

def loader(workers):
    return CropLoader(
        store,
        index_windows(store, Patches(size=80, overlap=0.5, discard=0)),
        views=VIEWS,
        recipe=recipe(batch_size=3, crop=70, passes_per_epoch=4),
        compute=compute(loader_workers=workers, prefetch=4),
        seed=5,
    )

def read(loader):
    return [batch.x.tolist() for batch in loader.epoch(1)]

if __name__ == "__main__":
    store = PixelStore(Path(sys.argv[1]))
    expected = read(loader(0))
    kept = []
    for way in ("anonymous", "fewer", "pipes"):
        print(way, file=sys.stderr)
        if way == "fewer":
            # As in a Python that was built for an old system.
            del os.memfd_create
        kept.append(loader(2))
        assert read(kept[-1]) == expected, way
"""
UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
MOUNT = "mount -t tmpfs -o size=1m tmpfs /dev/shm"


def test_a_small_file_system_for_shared_memory(tmp_path: Path) -> None:
    probe = subprocess.run([*UNSHARE, MOUNT], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no file system can be mounted here: {probe.stderr.strip()}")
    write_store(tmp_path / "store", [("train", random_scene(100, 130, n)) for n in range(2)])
    script = tmp_path / "small.py"
    script.write_text(SMALL)
    command = f'{MOUNT} && exec "$0" "$@"'
    done = subprocess.run(
        [*UNSHARE, command, sys.executable, script, tmp_path / "store"],
        env={"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    warning = "warning: 2 MB of shared memory for crops: No space left on device; "
    assert done.stderr.splitlines() == [
        "anonymous",
        "fewer",
        f"{warning}each worker reads 1 instead of 4 batches ahead",
        "pipes",
        f"{warning}the workers send their crops through pipes, which is slower",
    ]
