"""Activation checkpointing: less is kept, nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.allocations import kept_bytes
from support.miniatures import compute, recipe
from support.steps import TRAINED, batch, make_train_step, trainee
from torch import Tensor, nn

from dmtnet import build
from pipeline.compute.activation_checkpointing import checkpoint_activations

# In one flat list of layers, or too few blocks in the demo's size.
WITHOUT_BLOCKS = {"dmtnet-t", "dpdnet", "rdpd-plus"}


@pytest.mark.parametrize("name", sorted({*TRAINED} - WITHOUT_BLOCKS))
def test_gradients_and_names_stay(name: str) -> None:
    subject = trainee(name)
    names, expected = list(subject.network.state_dict()), subject.gradients()
    kept = [value if value is None else value.clone() for value in expected[1]]
    assert checkpoint_activations(subject.network)
    assert list(subject.network.state_dict()) == names
    loss, found = subject.gradients()
    assert loss == expected[0]
    for one, two in zip(kept, found, strict=True):
        if one is None or two is None:
            assert one is two
        else:
            assert torch.equal(one, two)


def test_less_memory() -> None:
    # The more blocks, the more is saved.
    size = {"embed_dim": 48, "channels": 32, "num_blocks": 4, "num_rbm": 2, "num_rm": 2}
    network, x = build("b", **size).train(), torch.rand(1, 6, 64, 64)
    before = kept_bytes(network, x)
    checkpoint_activations(network)
    # 6.2 and 1.2 MB.
    assert kept_bytes(network, x) < 0.25 * before


class Counting(nn.Module):
    """A block that counts its forward passes."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.passes = nn.Sequential(nn.Conv2d(6, 6, 1), *parts), 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.parts(x)


class Net(nn.Module):
    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Counting(*parts) for _ in range(9)))
        self.end = nn.Conv2d(6, 3, 1)

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        return self.end(self.blocks(x))


def test_blocks_run_twice_in_training_alone() -> None:
    network = Net()
    assert checkpoint_activations(network) == [f"blocks.{index}" for index in range(9)]
    x = torch.rand(1, 6, 4, 4)
    network(x).sum().backward()
    assert [block.passes for block in network.blocks] == [2] * 9
    network.eval()(x).sum().backward()
    assert [block.passes for block in network.blocks] == [3] * 9


def test_a_running_mean_is_not_counted_twice() -> None:
    assert checkpoint_activations(Net(nn.BatchNorm2d(6))) == []


def test_the_switch(capsys: pytest.CaptureFixture[str]) -> None:
    network = Net()
    train_step = make_train_step(network, recipe(), compute(activation_checkpointing=True))
    train_step.step(batch(), 2, 1e-3, "a step")
    assert [block.passes for block in network.blocks] == [2] * 9
    assert capsys.readouterr().err == ""
    make_train_step(Net(nn.BatchNorm2d(6)), recipe(), compute(activation_checkpointing=True))
    assert "has no blocks" in capsys.readouterr().err
