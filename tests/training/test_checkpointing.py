"""A training that is killed, stopped or changed, and what comes of it."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import VIEWS, Watcher, compute, narrow, random_scene, recipe, write_store
from torch import Tensor, nn

from pipeline.compute.distributed import ALONE
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError, Stopped
from pipeline.training.checkpointing import CheckpointPolicy, checkpointing
from pipeline.training.loop import Trained, train
from pipeline.training.train_step import TrainStep

CPU = torch.device("cpu")
KILLS, KILLED_EPOCHS = 20, 24
CHANGES: dict[str, Any] = {"epochs": 8, "batch_size": 3, "validations": 4, "accumulate": 2}
SERVER = multiprocessing.get_context("forkserver")


class Dropping(nn.Module):
    """Draws from PyTorch's generator in every step."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.drop = narrow(), nn.Dropout(0.1)

    def forward(self, x: Tensor, **place: Any) -> Tensor:
        return self.inner(self.drop(x), **place)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenes = [
        (split, random_scene(2, 5, number).repeat(8, 1).repeat(8, 2))
        for number, split in enumerate(("train", "train", "val"))
    ]
    path = tmp_path_factory.mktemp("resume") / "store"
    write_store(path, scenes)
    return path


def trained(
    folder: Path,
    policy: CheckpointPolicy | None,
    watcher: Watcher | None = None,
    fingerprint: dict[str, Any] | None = None,
    **changes: Any,
) -> Trained:
    torch.set_num_threads(1)
    store, settings, machine = PixelStore(folder), recipe(**{**CHANGES, **changes}), compute()
    windows = index_windows(store, Patches(size=16, overlap=0.5, discard=0))
    torch.manual_seed(5)
    train_step = TrainStep(Dropping(), settings, machine, CPU)
    loader = CropLoader(store, windows, views=VIEWS, recipe=settings, compute=machine, seed=7)
    observer = watcher or Watcher()
    if policy is None:
        return train(train_step, store=store, loader=loader, observer=observer)
    with checkpointing(policy, fingerprint or {"a": 1}, ALONE) as checkpointer:
        return train(
            train_step, store=store, loader=loader, observer=observer, checkpointer=checkpointer
        )


def equal(one: Trained, two: Trained) -> bool:
    same = all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    return same and (one.epoch, one.psnr, one.curve) == (two.epoch, two.psnr, two.curve)


def worker(folder: Path, state: Path, result: Path) -> None:
    found = trained(folder, CheckpointPolicy(state, every_s=0), epochs=KILLED_EPOCHS)
    torch.save((found.state, found.epoch, found.psnr, found.curve), result)


def test_twenty_kills_change_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server imports this once, its children start at once.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    SERVER.set_forkserver_preload([__name__])
    undisturbed, moments = trained(folder, None, epochs=KILLED_EPOCHS), random.Random(0)
    state, result = tmp_path / "state", tmp_path / "result.pt"

    def forget() -> None:
        for path in state.glob("*.state"):
            path.unlink()

    def started() -> multiprocessing.process.BaseProcess:
        """A process that has come to its training."""
        (state / "owner.json").unlink(missing_ok=True)
        process = SERVER.Process(target=worker, args=(folder, state, result))
        process.start()
        while process.is_alive() and not (state / "owner.json").exists():
            time.sleep(0.002)
        return process

    process, begun = started(), time.monotonic()
    process.join()
    length = time.monotonic() - begun
    forget()
    hits, steps = 0, set()
    while hits < KILLS:
        process = started()
        process.join(moments.uniform(0, length))
        if process.exitcode is None and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            hits += 1
            steps.add(max((path.name for path in state.glob("*.state")), default=""))
            continue
        assert process.exitcode == 0
        forget()
    # The kills came at various moments.
    assert len(steps) >= 5
    worker(folder, state, result)
    found = Trained(*torch.load(result, weights_only=False))
    assert equal(found, undisturbed)
    assert [point.epoch for point in found.curve] == [*range(1, KILLED_EPOCHS + 1)]


class StopsAt(Watcher):
    """Sends a signal to its own process in some step."""

    def __init__(self, at: int, number: signal.Signals) -> None:
        super().__init__()
        self.at, self.number = at, number

    def step(self, step: Any, total: int) -> None:
        super().step(step, total)
        if step.number == self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("at", [0, 2, 3, 10, 22, 23])
def test_a_signal_saves_and_the_next_run_resumes(folder: Path, tmp_path: Path, at: int) -> None:
    undisturbed, whole = Watcher(), trained(folder, None)
    trained(folder, None, undisturbed)
    policy = CheckpointPolicy(tmp_path, every_s=1e9)
    first, second = StopsAt(at, signal.SIGTERM), Watcher()
    with pytest.raises(Stopped, match=f"stopped by SIGTERM after step {at + 1}; the state is in"):
        trained(folder, policy, first)
    assert equal(trained(folder, policy, second), whole)
    assert first.steps + second.steps == undisturbed.steps
    assert first.points + second.points == undisturbed.points


def test_a_limit_of_time(folder: Path, tmp_path: Path) -> None:
    policy = CheckpointPolicy(tmp_path, every_s=1e9, limit_s=0)
    # Every run takes one step.
    for step in (1, 2, 3):
        with pytest.raises(Stopped, match=f"by the time limit after step {step};"):
            trained(folder, policy, epochs=1)
    assert equal(trained(folder, policy, epochs=1), trained(folder, None, epochs=1))


def test_what_is_done_is_not_done_again(folder: Path, tmp_path: Path) -> None:
    policy, watcher = CheckpointPolicy(tmp_path, every_s=1e9), Watcher()
    first = trained(folder, policy)
    assert equal(trained(folder, policy, watcher), first)
    assert not watcher.steps


def test_another_training_is_refused_or_forked(folder: Path, tmp_path: Path) -> None:
    policy = CheckpointPolicy(tmp_path, every_s=1e9)
    with pytest.raises(Stopped):
        trained(folder, policy, StopsAt(20, signal.SIGTERM))
    with pytest.raises(ConfigError, match="a: 1 -> 2"):
        trained(folder, policy, fingerprint={"a": 2})
    watcher = Watcher()
    fork = CheckpointPolicy(tmp_path, every_s=1e9, fork=True)
    forked = trained(folder, fork, watcher, {"a": 2})
    # All steps from the first on, from weights that have learned something.
    assert [step.number for step in watcher.steps] == [*range(24)]
    fresh = Watcher()
    assert not equal(forked, trained(folder, None, fresh))
    assert watcher.steps[0].loss < fresh.steps[0].loss
    # Its states are those of the new training.
    again = trained(folder, policy, fingerprint={"a": 2})
    assert equal(again, forked)


def test_a_stopped_fork_resumes(folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    # Two states of many steps, which the new training's few must not pass for older than.
    for at in (10, 20):
        with pytest.raises(Stopped):
            trained(folder, CheckpointPolicy(one, every_s=1e9), StopsAt(at, signal.SIGTERM))
    shutil.copytree(one, two)
    whole = trained(folder, CheckpointPolicy(one, every_s=1e9, fork=True), None, {"a": 2})
    fork, watcher = CheckpointPolicy(two, every_s=0, fork=True), Watcher()
    with pytest.raises(Stopped, match="after step 3;"):
        trained(folder, fork, StopsAt(2, signal.SIGTERM), {"a": 2})
    assert equal(trained(folder, fork, watcher, {"a": 2}), whole)
    assert watcher.steps[0].number == 3
