"""The estimate at the start of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.changed import changed_config
from support.fixture_types import Tiny

from pipeline.planning.rate import Rated
from pipeline.workflow import estimate as module
from pipeline.workflow.estimate import estimate
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.machine import Machine

HERE = Machine(2, 0)
DUE = ["data x", "train a-seed0", "evaluate a-seed0", "train b-seed0", "evaluate b-seed0"]
RATED = Rated(flops=153e9, flop={"a": 4.59e12, "b": 2.295e12})


def test_slow_machines_take_longer() -> None:
    found = module._estimate(DUE, RATED, {}, 2, 1)
    assert found.seconds == pytest.approx({"train a": 207.0, "train b": 107.0})
    # The longest training on one core, then what others wait for.
    assert found.text == ("Estimated time: about 4 min on 2 cores (3x3 convolution: 153 GFLOP/s)")
    slow = module._estimate(DUE, Rated(flops=76.5e9, flop=RATED.flop), {}, 2, 1)
    assert slow.seconds == pytest.approx({"train a": 414.0, "train b": 214.0})
    assert "about 9 min" in slow.text
    assert (
        "about 6 min on 1 core ("
        in module._estimate(DUE, Rated(flops=76.5e9, flop=RATED.flop), {}, 1, 1).text
    )


def test_repetitions_and_sizes_count() -> None:
    again = [*DUE, *(f"train a-seed{number}" for number in (1, 2)), "complexity a", "complexity b"]
    found = module._estimate(again, RATED, {"train c": 60.0}, 2, 1)
    assert found.seconds["complexity"] == pytest.approx(24.0)
    assert found.seconds["train c"] == pytest.approx(67.0)
    assert "about 7 min" in found.text


def test_a_run_is_estimated_in_another_process(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed_config(tmp_path, tiny, {"only": ["dmtnet-t", "input"]})
    monkeypatch.chdir(tmp_path)
    found = estimate(Workflow(config), [], HERE, "1")
    assert found is not None
    assert {*found.seconds} == {"train dmtnet-t", "complexity", "evaluate input"}
    assert "on 1 core (3x3 convolution: " in found.text


def test_given_weights_beside_trainings(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"only": ["dmtnet-t", "dmtnet-s"], "weights": {"dmtnet-s": "given.npz"}}
    workflow = Workflow(changed_config(tmp_path, tiny, changes))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.npz").touch()
    monkeypatch.setattr(module, "_rated", lambda *_: Rated(flops=1e9, flop={"dmtnet-t": 1e9}))
    assert "evaluate dmtnet-s-given" in workflow.chain.to_make()
    found = estimate(workflow, [], HERE, None)
    assert found is not None
    assert {*found.seconds} == {"train dmtnet-t", "complexity"}


@pytest.mark.parametrize(
    ("changes", "targets", "machine"),
    [
        ({"only": ["input", "unsharp"]}, [], HERE),
        ({}, ["data/tiny/manifest.csv"], HERE),
        ({"compute/device": "cuda"}, [], HERE),
        ({}, [], Machine(2, 1)),
        ({"dataset": {"kind": "folder", "name": "mine", "root": "gone"}}, [], HERE),
    ],
)
def test_nothing_is_measured_in_vain(
    tmp_path: Path,
    tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    targets: list[str],
    machine: Machine,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: pytest.fail("measured"))
    workflow = Workflow(changed_config(tmp_path, tiny, changes))
    assert estimate(workflow, targets, machine, None) is None


@pytest.mark.parametrize(
    "code",
    [
        "",
        "print('{}')",
        'print(\'{"flops": 0, "flop": {}}\')',
        "raise SystemExit(1)",
        "import time; time.sleep(60)",
    ],
)
def test_a_failed_measurement_stops_nothing(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_PATIENCE_S", 2.0)
    run = subprocess.run
    monkeypatch.setattr(
        module.subprocess, "run", lambda _, **more: run([sys.executable, "-c", code], **more)
    )
    assert estimate(Workflow(changed_config(tmp_path, tiny, {})), [], HERE, None) is None
