"""The moving average: its numbers, and that it is what a training validates and keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from pydantic import ValidationError
from support.miniatures import VIEWS, Watcher, compute, random_scene, recipe, write_store
from support.steps import CPU, TRAINED, trainee
from torch import Tensor, nn

from pipeline.config.blocks import Patches
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.training import loop
from pipeline.training.loop import Step, train
from pipeline.training.optimizer import moving_average
from pipeline.training.train_step import TrainStep

DECAY = 0.7


class Small(nn.Conv2d):
    """A method of one layer, with a buffer."""

    def __init__(self) -> None:
        super().__init__(6, 3, 3, padding=1)
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor, **_: Any) -> Tensor:  # type: ignore[override]
        if self.training:
            self.seen += 1
        return super().forward(x)


def test_by_hand() -> None:
    network = Small()
    average, weights = moving_average(network, DECAY), []
    mean = cast(Small, average.module)
    for value in (1.0, 2.0, 4.0):
        with torch.no_grad():
            network.weight.fill_(value)
            network.seen.fill_(value)
        average.update_parameters(network)
        weights.append(mean.weight[0, 0, 0, 0].item())
        assert mean.seen.item() == value
    assert weights == pytest.approx([1.0, 0.7 * 1 + 0.3 * 2, 0.7 * 1.3 + 0.3 * 4])
    assert not any(value.requires_grad for value in average.parameters())


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_the_decay_is_a_share(decay: float) -> None:
    with pytest.raises(ValidationError):
        recipe(ema=decay)


@pytest.mark.parametrize("name", TRAINED)
def test_every_network_has_an_average(name: str) -> None:
    network = trainee(name).network
    copy = moving_average(network, DECAY).module.state_dict()
    assert list(copy) == list(network.state_dict())
    for key, value in network.state_dict().items():
        assert torch.equal(copy[key], value)
        assert copy[key].data_ptr() != value.data_ptr()


def test_a_training_validates_and_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = [
        (split, random_scene(16, 24, number)) for number, split in enumerate(("train", "val"))
    ]
    store = write_store(tmp_path / "store", scenes)
    torch.manual_seed(0)
    network, scored = Small(), []
    settings = recipe(ema=DECAY, epochs=2, batch_size=1, learning_rate=0.1)
    train_step = TrainStep(network, settings, compute(), CPU)
    windows = index_windows(store, Patches(size=16, overlap=0.5, discard=0))
    assert len(windows) == 2
    loader = CropLoader(store, windows, views=VIEWS, recipe=settings, compute=compute(), seed=7)
    steps: list[Tensor] = []

    class Copying(Watcher):
        def step(self, step: Step, total: int) -> None:
            super().step(step, total)
            steps.append(network.weight.detach().clone())

    def scripted(learned: nn.Module, **_: Any) -> float:
        scored.append(cast(Small, learned).weight.detach().clone())
        return float(len(scored))

    monkeypatch.setattr(loop, "validate", scripted)
    trained = train(train_step, store=store, loader=loader, observer=Copying())
    expected = steps[0]
    for weight in steps[1:]:
        expected = DECAY * expected + (1 - DECAY) * weight
    assert len(steps) == 4
    torch.testing.assert_close(trained.state["weight"], expected, rtol=0, atol=1e-6)
    assert torch.equal(trained.state["weight"], scored[1])
    assert (trained.state["weight"] - steps[-1]).abs().max() > 1e-3
    assert list(trained.state) == list(network.state_dict())
