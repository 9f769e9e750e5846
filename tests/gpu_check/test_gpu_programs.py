"""The parts of the check that run programs: its tests and the drill."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gpu_parts import measured

from pipeline.gpu_check import (
    drill,
    gpu_tests,
)
from pipeline.gpu_check.setting import Setting


def test_tests_of_one_folder() -> None:
    (row,) = measured(gpu_tests.run(Setting("cpu"), "tests/dmtnet"))
    there = torch.cuda.is_available()
    assert row.failed == 0
    assert (row.passed > 0, row.skipped > 0) == (there, not there)
    assert there or row.reasons == ("no CUDA device",)


def test_no_test_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no test has the mark"):
        measured(gpu_tests.run(Setting("cpu"), "tests/planning"))


@pytest.mark.parametrize("part", [gpu_tests, drill])
def test_outside_a_checkout(part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "CHECKOUT", tmp_path)
    (message,) = part.run(Setting("cpu"))
    assert "checkout" in message.reason


class Drill:
    """Stands for the drill's program: it takes minutes."""

    def __init__(self, last: str, status: int = 0) -> None:
        self.last, self.status = last, status
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.calls.append(arguments)
        return subprocess.CompletedProcess([], self.status, f"kill 1: …\n{self.last}", "oh no")


@pytest.mark.parametrize(
    ("last", "status", "identical"),
    [
        ("3 signals at 3 different steps: weights are byte-identical", 0, True),
        ("3 signals at 3 different steps: weights are DIFFERENT", 1, False),
    ],
)
def test_the_drills_verdict(
    monkeypatch: pytest.MonkeyPatch, last: str, status: int, identical: bool
) -> None:
    ran = Drill(last, status)
    monkeypatch.setattr(drill, "_output", ran)
    (row,) = measured(drill.run(Setting("cuda")))
    assert (row.signals, row.identical, row.summary) == (3, identical, last)
    assert ran.calls[-1][-1] == "--device=cuda"


def test_a_drill_without_its_signals_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "_output", Drill("1 signals at 1 steps: byte-identical", 1))
    with pytest.raises(RuntimeError, match="after 1 of 3 signals"):
        measured(drill.run(Setting("cpu")))
    monkeypatch.setattr(drill, "_output", Drill("", 1))
    with pytest.raises(RuntimeError, match="ended early: oh no"):
        measured(drill.run(Setting("cpu")))


def test_the_drill_has_these_options() -> None:
    done = drill._output("--help")
    assert done.returncode == 0
    for option in ("--signals", "--epochs", "--seed", "--device"):
        assert option in done.stdout
