"""Commands hold a GPU exactly if their method uses one, and load torch only then."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.fixture_types import Run, Tiny

from pipeline.compute import launch, visible_gpus
from pipeline.compute.gpu_slots import Slots
from pipeline.data.png import write_png16
from pipeline.run import Run as PlannedRun
from pipeline.weights.own_file import save_weights


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A pretended machine of two GPUs; how many were held, and what CUDA saw when it loaded."""
    seen: list[str] = []

    class Recorded(launch.DeviceSlots):
        @contextmanager
        def take(self, count: int, *rest: object, **options: object) -> Iterator[Slots]:
            seen.append(f"{count} of {len(self.devices)}")
            with super().take(count, *rest, **options) as slots:  # type: ignore[arg-type]
                yield slots

    def prepared(*_: object) -> torch.device:
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
        return torch.device("cpu")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(visible_gpus, "_listed", list)
    monkeypatch.setattr(launch, "slots_folder", lambda: tmp_path / "slots")
    monkeypatch.setattr(launch, "DeviceSlots", Recorded)
    for module in (
        *("evaluation.loading", "stages.deblur", "stages.debug", "stages.signals", "stages.train"),
    ):
        monkeypatch.setattr(f"pipeline.{module}.prepare_device", prepared)
    return seen


ONE, NONE = ["1 of 2", "0"], [""]


def images(tiny: Tiny) -> list[object]:
    return ["--root", tiny.raw, "--manifest", tiny.manifest]


@pytest.mark.parametrize(
    ("method", "expected"), [("dmtnet-t", ONE), ("input", NONE), ("unsharp", NONE)]
)
def test_scoring_and_deblurring(
    run: Run,
    tiny: Tiny,
    tmp_path: Path,
    held: list[str],
    method: str,
    expected: Sequence[str],
) -> None:
    origin: list[object] = []
    planned = PlannedRun.of(tiny.experiment, method)
    if planned.method.trainable:
        (tmp_path / "run").mkdir()
        state = planned.method.build(**planned.kwargs).state_dict()
        save_weights(tmp_path / "run" / "weights.safetensors", state, method, planned.kwargs)
        origin = ["--run", tmp_path / "run"]
    common = [*images(tiny), *origin, "--config", tiny.config]
    assert run("evaluate", method, *common, "--output", tmp_path / "result").code == 0
    assert run("predict", method, *common, "--output", tmp_path / "sharp").code == 0
    shot = [tmp_path / f"{view}.png" for view in ("left", "right")]
    for path in shot:
        write_png16(path, cv2.resize(np.full((2, 2, 3), 9000, np.uint16), (64, 64)))
    chosen = ["--method", method, *origin, "--config", tiny.config, "-o", tmp_path / "one.png"]
    assert run("deblur", *shot, *chosen).code == 0
    assert held == 3 * [*expected]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


@pytest.mark.parametrize(("method", "expected"), [("dmtnet-t", ONE), ("unsharp", NONE)])
def test_training(
    run: Run,
    tiny: Tiny,
    tmp_path: Path,
    held: list[str],
    method: str,
    expected: list[str],
) -> None:
    data = ["--store", tiny.store, "--patches", tiny.patches, "--config", tiny.config]
    more = ["--manifest", tiny.manifest, "--output", tmp_path / "run"]
    assert run("train", method, *data, *more).code == 0
    assert held == expected


@pytest.mark.parametrize("command", ["fast-dev", "limit", "overfit", "profile", "signals"])
def test_debugging(run: Run, tiny: Tiny, tmp_path: Path, held: list[str], command: str) -> None:
    data = ["--store", tiny.store, "--patches", tiny.patches, "--config", tiny.config]
    more = [] if command == "fast-dev" else ["--steps", 1]
    more += ["-o", tmp_path / "trace.json"] if command == "profile" else []
    run("debug", command, "dmtnet-t", *data, *more)
    assert held == ONE


def test_methods_without_a_network_compute_on_the_cpu(tiny: Tiny) -> None:
    experiment = tiny.experiment
    without = {
        *("input", "mean", "left", "right", "unsharp", "linear-fit"),
        *("ebdb", "jnb"),
    }
    for name in [*experiment.methods, *experiment.ablations]:
        this = PlannedRun.of(experiment, name)
        assert (this.compute.device, this.gpus) == (
            ("cpu", 0) if name in without else ("auto", 1)
        ), name
        # The switches of the experiment, and so all keys, stay the same.
        assert this.compute.key() == experiment.compute.key()
