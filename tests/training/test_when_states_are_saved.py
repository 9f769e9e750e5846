"""When a state is saved, what it holds of every part, and what the stop request learns from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import compute, recipe
from support.steps import batch, make_train_step
from torch import Tensor, nn

from pipeline.compute.distributed import ALONE
from pipeline.errors import Stopped
from pipeline.training import checkpointing as module
from pipeline.training.checkpoint import CheckpointStore
from pipeline.training.checkpointing import CheckpointPolicy, FileCheckpointer
from pipeline.training.loop import CurvePoint, TrainState
from pipeline.training.progress import Progress
from pipeline.training.stop import StopRequest
from pipeline.training.train_step import TrainStep


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Noting(StopRequest):
    """A stop request with a reason to order; notes how long saves took."""

    wanted = ""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[float] = []

    @property
    def reason(self) -> str:
        return self.wanted

    def note_save(self, seconds: float) -> None:
        self.noted.append(seconds)


class Slow(CheckpointStore):
    """States whose writing takes three seconds of the clock."""

    clock: Clock

    def save(self, snapshot: dict[str, Any], step: int) -> None:
        super().save(snapshot, step)
        self.clock.now += 3


class Small(nn.Conv2d):
    def __init__(self) -> None:
        torch.manual_seed(4)
        super().__init__(6, 3, 3, padding=1)

    def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        return super().forward(x)


def step_of(**changes: Any) -> TrainStep:
    return make_train_step(Small(), recipe(**changes), compute())


def checkpointer(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, every_s: float = 10.0
) -> tuple[FileCheckpointer, Noting]:
    monkeypatch.setattr(module, "time", clock)
    store, stop = Slow(folder, {}), Noting()
    store.clock = clock
    return FileCheckpointer(store, CheckpointPolicy(folder, every_s), stop, ALONE), stop


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("*.state"))


def test_every_so_many_seconds_after_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, train_step = Clock(), step_of()
    saver, stop = checkpointer(tmp_path, clock, monkeypatch)
    saved = []
    for step in range(1, 31):
        clock.now += 1
        before = stop.noted[:]
        saver.after_step(TrainState(step=step), train_step)
        if stop.noted != before:
            saved.append(step)
    # A save takes three seconds, which do not count.
    assert saved == [10, 20, 30]
    assert stop.noted == [3.0] * 3
    assert steps(tmp_path) == [20, 30]
    saver.at_end(TrainState(step=31), train_step)
    assert steps(tmp_path) == [30, 31]


def test_a_reason_to_stop_saves_at_once_and_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver, stop = checkpointer(tmp_path, Clock(), monkeypatch)
    saver.after_step(TrainState(step=1), step_of())
    assert steps(tmp_path) == []
    stop.wanted = "SIGTERM"
    with pytest.raises(
        Stopped, match=rf"stopped by SIGTERM after step 2; the state is in {tmp_path}"
    ):
        saver.after_step(TrainState(step=2), step_of())
    assert steps(tmp_path) == [2]


def everything(train_step: TrainStep) -> dict[str, Any]:
    average = train_step.average
    return {
        "network": train_step.network.state_dict(),
        "optimizer": train_step.optimizer.state_dict(),
        "scaler": train_step.scaler.state_dict(),
        "average": None if average is None else average.state_dict(),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("ema", [None, 0.5])
def test_every_part_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ema: float | None
) -> None:
    first = step_of(ema=ema)
    for seed in range(3):
        first.step(batch(seed), 2, 1e-2, "a step")
    first.scaler.skipped = 2
    state = TrainState(
        step=3,
        loss_sum=0.7,
        best_state={name: value + 1 for name, value in first.network.state_dict().items()},
        best_epoch=1,
        best_psnr=20.5,
        curve=[CurvePoint(1, 4, 1e-3, 0.5, 20.5), CurvePoint(2, 8, 1e-3, 0.4, None)],
    )
    saver, _ = checkpointer(tmp_path, Clock(), monkeypatch)
    torch.manual_seed(9)
    saver.at_end(state, first)
    drawn = torch.rand(3)
    second = step_of(ema=ema)
    assert not same(everything(second), everything(first))
    torch.manual_seed(1)
    found = checkpointer(tmp_path, Clock(), monkeypatch)[0].restore(second)
    assert same(vars(found), vars(state))
    assert same(everything(second), everything(first))
    assert torch.equal(torch.rand(3), drawn)


def test_the_scale_of_half_precision_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = compute(precision="float16")
    first, second = (make_train_step(Small(), recipe(), half) for _ in range(2))
    first.scaler.load_state_dict(
        {"scaler": {**first.scaler.state_dict()["scaler"], "scale": 512.0}, "skipped": 3}
    )
    assert second.scaler.state_dict()["scaler"]["scale"] != 512
    saver, _ = checkpointer(tmp_path, Clock(), monkeypatch)
    saver.at_end(TrainState(step=1), first)
    saver.restore(second)
    assert second.scaler.state_dict() == first.scaler.state_dict()
    assert second.scaler.skipped == 3


def test_nothing_saved_is_a_new_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_step = step_of()
    before = everything(train_step)
    saver, _ = checkpointer(tmp_path, Clock(), monkeypatch)
    assert saver.restore(train_step) == TrainState()
    assert same(everything(train_step), before)
    fresh = TrainState()
    assert (fresh.step, fresh.loss_sum, fresh.best_psnr) == (0, 0.0, float("-inf"))
    assert (fresh.best_state, fresh.curve) == ({}, [])


def test_a_progress_file_that_was_never_written_is_not_missed(tmp_path: Path) -> None:
    with Progress("mine", tmp_path / "file"):
        pass
    assert not (tmp_path / "file").exists()
