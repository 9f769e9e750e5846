"""Loader workers: no signal reaches them, and none outlives its training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.miniatures import VIEWS, compute, random_scene, recipe, write_store
from support.paths import REPOSITORY

from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError

LOADING = """
import signal, sys
from pathlib import Path
from support.miniatures import VIEWS, compute, recipe
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore

if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    store = PixelStore(Path(sys.argv[1]))
    loader = CropLoader(
        store,
        index_windows(store, Patches(size=80, overlap=0.5, discard=0)),
        views=VIEWS,
        recipe=recipe(batch_size=1, passes_per_epoch=200),
        compute=compute(loader_workers=2),
        seed=5,
    )
    print("begins", loader._loader.multiprocessing_context.get_start_method(), flush=True)
    batches = loader.epoch(1)
    next(batches)
    Path(sys.argv[2]).touch()
    sys.stdin.read()
    for _ in range(20):
        next(batches)
    raise SystemExit(7)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    folder = tmp_path_factory.mktemp("workers") / "store"
    return write_store(folder, [("train", random_scene(100, 130))])


@contextmanager
def loading(store: PixelStore, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that reads batches with two workers, in a process group of its own."""
    script = temporary / "loading.py"
    script.write_text(LOADING)
    reads = temporary / "reads"
    environment = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}", "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, script, store.folder, reads],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until_it_reads(process: subprocess.Popen[str], temporary: Path, *signals: int) -> None:
    """Waits for the first batch; sends signals to the process group until then, and some more."""
    more = 20
    while more and process.poll() is None:
        for number in signals:
            os.killpg(process.pid, number)
        time.sleep(0.02)
        more -= (temporary / "reads").exists()


def gone(processes: list[psutil.Process], seconds: float = 10.0) -> bool:
    """Whether all end in time; a process that has ended may wait for someone to collect it."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files; the path of a socket of the server may have 107 characters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


# Since Python 3.14, the server's socket lies in /tmp if the other path is too long.
LONG = "spawn" if sys.version_info < (3, 14) else "forkserver"


@pytest.mark.parametrize(("start", "name"), [("forkserver", "a"), (LONG, "long" * 30)])
def test_signals_to_the_group_reach_no_worker_and_none_is_left(
    store: PixelStore, short: Path, start: str, name: str
) -> None:
    temporary = short / name
    temporary.mkdir()
    with loading(store, temporary) as process:
        assert line(process) == f"begins {start}"
        until_it_reads(process, temporary, signal.SIGTERM, signal.SIGINT)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        process.communicate("")
        # Its iterator is alive to the end.
        assert process.returncode == 7
        assert gone(children)


def test_workers_end_with_a_training_that_is_killed(store: PixelStore, short: Path) -> None:
    with loading(store, short) as process:
        assert line(process) == "begins forkserver"
        until_it_reads(process, short)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        process.kill()
        assert gone(children)


def test_a_killed_worker_is_a_message(store: PixelStore) -> None:
    loader = CropLoader(
        store,
        index_windows(store, Patches(size=80, overlap=0.5, discard=0)),
        views=VIEWS,
        recipe=recipe(batch_size=1, passes_per_epoch=200),
        compute=compute(loader_workers=1, prefetch=1),
        seed=5,
    )
    batches = loader.epoch(1)
    next(batches)
    (worker,) = loader._loader._iterator._workers  # type: ignore[union-attr]
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(DataError, match="a process that reads crops was killed; memory may"):
        list(batches)
