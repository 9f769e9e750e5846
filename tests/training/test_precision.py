"""Float16 with a scaled loss, and trainings whose numbers stop being finite."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from support.miniatures import VIEWS, Watcher, compute, narrow, random_scene, recipe, write_store
from support.steps import CPU, TRAINED, batch, make_train_step, trainee
from torch import Tensor, nn

from pipeline.compute.distributed import ALONE
from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import Stopped
from pipeline.training.checkpointing import CheckpointPolicy, checkpointing
from pipeline.training.loop import Step, Trained, train
from pipeline.training.precision import MAX_SKIPPED, NonFinite, Scaler
from pipeline.training.train_step import TrainStep

HALF = compute(precision="float16")


class Steep(nn.Conv2d):
    """Gradients that overflow float16 until the loss is scaled by little enough."""

    def __init__(self, factor: float) -> None:
        super().__init__(6, 3, 3, padding=1)
        self.factor = factor

    def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        return super().forward(x) * self.factor


def test_steps_that_overflow_are_skipped() -> None:
    network = Steep(100.0)
    train_step, before = (
        make_train_step(network, recipe(ema=0.5), HALF),
        network.weight.detach().clone(),
    )
    skipped = []
    for _ in range(8):
        train_step.step(batch(), 2, 1e-6, "a step")
        skipped.append(train_step.scaler.skipped)
        assert torch.equal(network.weight, before) == (skipped[-1] > 0)
    assert skipped[0] == 1
    first = skipped.index(0)
    assert skipped == [*range(1, first + 1), *[0] * (8 - first)]
    assert train_step.scaler._scaler.get_scale() == 65536 / 2**first
    assert train_step.average is not None
    # Skipped steps are no part of the average.
    assert train_step.average.n_averaged == 8 - first


def test_a_gradient_that_never_fits_ends_the_training() -> None:
    class Broken(Steep):
        def __init__(self) -> None:
            super().__init__(1.0)
            self.shift = nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
            # The slope of a square root at 0 is infinite.
            return super().forward(x) + (self.shift - self.shift.detach()).abs().sqrt().sum()

    train_step = make_train_step(Broken(), recipe(), HALF)
    for _ in range(MAX_SKIPPED):
        train_step.step(batch(), 2, 1e-3, "a step")
    expected = r"norm of the gradient became (nan|inf) in step 20 \(a.png, b.png\).*lower learning"
    with pytest.raises(NonFinite, match=expected):
        train_step.step(batch(), 2, 1e-3, "step 20")


def test_the_scale_cancels() -> None:
    """The gradients are those of an unscaled loss, and clipped as such."""
    grown: list[list[Tensor]] = []
    for machine in (HALF, compute()):
        network = narrow()
        train_step = make_train_step(network, recipe(max_grad_norm=0.01), machine)
        before = [value.detach().clone() for value in network.parameters()]
        train_step.optimizer = torch.optim.SGD(network.parameters(), 0.0)
        train_step.step(batch(), 2, 1.0, "a step")
        pairs = zip(network.parameters(), before, strict=True)
        grown.append([value.detach() - old for value, old in pairs])
    half, full = (torch.cat([value.flatten() for value in values]) for values in grown)
    assert full.norm().item() == pytest.approx(0.01, rel=1e-3)
    assert (half - full).norm() < 0.05 * full.norm()
    assert not torch.equal(half, full)


def test_a_process_without_a_loss_can_step() -> None:
    network = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    for value in network.parameters():
        value.grad = torch.ones_like(value)
    Scaler(HALF, CPU).unscale_(optimizer)
    assert network.weight.grad is not None
    assert network.weight.grad[0, 0].item() == 1 / 65536


@pytest.mark.parametrize("name", TRAINED)
def test_float16_on_every_network(name: str) -> None:
    subject = trainee(name)
    full = subject.gradients()[0]
    loss, gradients = subject.gradients(torch.float16)
    assert loss == pytest.approx(full, rel=0.01)
    assert all(value.isfinite().all() for value in gradients if value is not None)


class Failing(Steep):
    """Its output is not a number after some passes in training."""

    def __init__(self, passes: int) -> None:
        super().__init__(1.0)
        self.left = passes

    def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        self.left -= self.training
        return super().forward(x) * (1.0 if self.left >= 0 else torch.nan)


def trained(
    folder: Path,
    network: nn.Module,
    policy: CheckpointPolicy | None,
    watcher: Watcher,
    machine: Any,
) -> Trained:
    torch.set_num_threads(1)
    if not folder.exists():
        splits = ("train", "train", "val")
        write_store(folder, [(split, random_scene(16, 40, n)) for n, split in enumerate(splits)])
    store = PixelStore(folder)
    settings = recipe(epochs=3, batch_size=3, validations=3, ema=0.8)
    train_step = TrainStep(network, settings, machine, CPU)
    windows = index_windows(store, Patches(size=16, overlap=0.5, discard=0))
    loader = CropLoader(store, windows, views=VIEWS, recipe=settings, compute=machine, seed=7)
    if policy is None:
        return train(train_step, store=store, loader=loader, observer=watcher)
    with checkpointing(policy, {"a": 1}, ALONE) as checkpointer:
        return train(
            train_step, store=store, loader=loader, observer=watcher, checkpointer=checkpointer
        )


class Stopping(Watcher):
    def step(self, step: Step, total: int) -> None:
        super().step(step, total)
        if step.number == 4:
            os.kill(os.getpid(), signal.SIGTERM)


def steep() -> Steep:
    torch.manual_seed(0)
    return Steep(30.0)


def test_scale_and_average_are_resumed(tmp_path: Path) -> None:
    store, policy = tmp_path / "store", CheckpointPolicy(tmp_path / "state", 1e9)
    network = steep()
    whole = trained(store, network, None, Watcher(), HALF)
    assert (network.weight - steep().weight).abs().max() > 1e-3
    with pytest.raises(Stopped):
        trained(store, steep(), policy, Stopping(), HALF)
    rest = trained(store, steep(), policy, Watcher(), HALF)
    assert rest.curve == whole.curve
    assert all(torch.equal(rest.state[name], whole.state[name]) for name in whole.state)


def test_the_last_good_state_is_named(tmp_path: Path) -> None:
    policy = CheckpointPolicy(tmp_path / "state", 0)
    expected = r"step 4 \(.*\): .*; the last good state is kept in .*step-000000004.state: --fork"
    with pytest.raises(NonFinite, match=expected):
        trained(tmp_path / "store", Failing(4), policy, Watcher(), compute())
    # There is none yet.
    policy = CheckpointPolicy(tmp_path / "other", 1e9)
    with pytest.raises(NonFinite, match=r"lengthen warmup_epochs$"):
        trained(tmp_path / "store", Failing(1), policy, Watcher(), compute())
