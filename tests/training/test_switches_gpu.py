"""The switches on a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.miniatures import compute, narrow, recipe
from support.steps import batch
from torch import Tensor

from pipeline.compute.device import prepare_device
from pipeline.training.train_step import TrainStep

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def trained(**changes: Any) -> dict[str, Tensor]:
    machine = compute(**{"device": "cuda", **changes})
    device = prepare_device(machine, 1)
    network = narrow().to(device).train()
    train_step = TrainStep(network, recipe(ema=0.9), machine, device)
    for number in range(5):
        train_step.step(batch(number), 2, 1e-3, "a step")
    return {name: value.cpu() for name, value in train_step.learned.state_dict().items()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_one_seed_gives_one_result(precision: str) -> None:
    one, two = (trained(precision=precision) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_checkpointing_changes_nothing() -> None:
    one, two = (trained(activation_checkpointing=wanted) for wanted in (False, True))
    assert all(torch.equal(one[name], two[name]) for name in one)
