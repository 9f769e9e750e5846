"""Compiled networks are the same networks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.miniatures import compute, image, narrow, recipe
from support.steps import CPU, make_train_step, trainee
from torch import nn

from pipeline.compute.compilation import compile_network
from pipeline.errors import ConfigError
from pipeline.training import train_step as train_step_module


@pytest.fixture(autouse=True)
def _forget() -> None:
    torch.compiler.reset()


def test_results_and_names_stay() -> None:
    plain, network = narrow(), narrow()
    compile_network(network, CPU, backend="aot_eager")
    assert network._compiled_call_impl is not None
    assert list(network.state_dict()) == list(plain.state_dict())
    for one in (plain, network):
        one.train()(image(32, 32)).sum().backward()
    for (name, before), after in zip(plain.named_parameters(), network.parameters(), strict=True):
        assert before.grad is not None
        assert after.grad is not None
        scale = before.grad.abs().max()
        assert (before.grad - after.grad).abs().max() <= 1e-4 * scale, name


def test_other_ways_in_stay() -> None:
    subject = trainee("ifan")
    expected = subject.gradients()[0]
    compile_network(subject.network, CPU, backend="eager")
    assert subject.gradients()[0] == pytest.approx(expected, rel=1e-6)


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        def trial(_: Any) -> None:
            raise RuntimeError("no g++\nand a long story")

        return trial

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ConfigError, match=r"cannot compile on this machine \(no g\+\+\); install"):
        compile_network(narrow(), CPU)


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[nn.Module] = []
    monkeypatch.setattr(
        train_step_module, "compile_network", lambda network, _: seen.append(network)
    )
    network = narrow()
    make_train_step(network, recipe(), compute(compile=False))
    assert seen == []
    make_train_step(network, recipe(), compute(compile=True))
    assert seen == [network]
