"""Predicted memory: against the real peak of a process, and the tiles that fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import compute, narrow

from pipeline.errors import NoMemory
from pipeline.evaluation import image_memory
from pipeline.evaluation.image_memory import ImageMemory, free_memory
from pipeline.evaluation.large_images import ImageRunner
from pipeline.evaluation.seamless import SeamlessTiling
from pipeline.methods import get_method

MB = 1_000_000


def memory(cap: int | None = None, whole_only: int | None = None) -> ImageMemory:
    loaded: Any = type("Loaded", (), {})()
    loaded.network = narrow()
    loaded.run = type("Run", (), {"method": get_method("dmtnet-b"), "compute": compute()})()
    return ImageMemory(ImageRunner(loaded, torch.device("cpu")), cap, whole_only)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes that the process seems to take, the same all the time."""
    monkeypatch.setattr(ImageMemory, "_taken", lambda self: 100 * MB)
    return 100 * MB


def test_whole_if_it_fits_otherwise_the_largest_tiles(taken: int) -> None:
    whole = memory(10**12).plan(2000, 3000)
    assert whole.tiling is None
    least = memory().predict(2000, 3000, SeamlessTiling(384))
    cap = (whole.bytes + least) // 2
    planned = memory(cap).plan(2000, 3000)
    assert planned.tiling is not None
    assert planned.bytes <= cap
    larger = SeamlessTiling(planned.tiling.size + 128)
    assert planned.tiling.size == 2048 or memory(cap).predict(2000, 3000, larger) > cap


def test_nothing_fits(taken: int) -> None:
    with pytest.raises(
        NoMemory,
        match=r"^an image of 2000 x 3000 pixels needs .* of memory even in tiles of 384, and "
        r"50.0 MB are allowed; raise --max-memory or reduce the image$",
    ):
        memory(50 * MB).plan(2000, 3000)
    with pytest.raises(NoMemory, match="because this method deblurs whole images only"):
        memory(150 * MB, whole_only=500).plan(2000, 3000)


def test_without_a_cap_it_is_a_share_of_free_memory(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_memory, "free_memory", lambda: 10**12)
    assert memory().plan(2000, 3000).tiling is None
    assert free_memory() > 0


def test_the_limit_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_memory, "_CGROUP", tmp_path)
    unlimited = free_memory()
    (tmp_path / "memory.max").write_text("90000000\n")
    (tmp_path / "memory.current").write_text("60000000\n")
    assert free_memory() == 30 * MB < unlimited
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > 30 * MB


MEASURE = """
import resource, sys
import numpy as np, torch
sys.path[:0] = sys.argv[1:3]
from evaluation.test_image_memory import memory
from pipeline.evaluation.seamless import SeamlessTiling
torch.set_num_threads(1)
height, width, tile = map(int, sys.argv[3:])
planned = memory()
shape = (height, width, 3)
views = {view: np.full(shape, 9, np.uint16) for view in ("left", "right")}
tiling = SeamlessTiling(tile) if tile else None
predicted = planned.predict(height, width, tiling)
planned.runner.deblur(views, tiling)
print(predicted, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width", "tile"), [(1120, 1680, 0), (2240, 3360, 512)])
def test_the_prediction_holds(height: int, width: int, tile: int) -> None:
    tests = Path(__file__).parents[1]
    arguments = [str(tests.parent), str(tests), str(height), str(width), str(tile)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=True
    )
    predicted, peak = map(int, done.stdout.split())
    assert 0.97 * peak <= predicted <= 1.4 * peak
