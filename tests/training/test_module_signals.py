"""Signals of modules: numbers that are known by hand, and a training that doesn't notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.miniatures import compute, recipe
from support.steps import batch, make_train_step, trainee
from torch import Tensor, nn
from torch.nn import functional

from pipeline.training.module_flow import ModuleFlow
from pipeline.training.module_signals import NETWORK, ModuleSignals
from pipeline.training.signals import measure, recorded, weights_of
from pipeline.training.train_step import TrainStep

RATE = 1e-3


class Method(nn.Module):
    """What a training wants of a network: it takes the place of a crop too."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        result: Tensor = self.body(x)
        return result


def scaled(channels: int, out: int, factor: float) -> nn.Conv2d:
    """A 1x1 convolution that passes `out` of its channels, times `factor`."""
    layer = nn.Conv2d(channels, out, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(factor * torch.eye(out, channels).view(out, channels, 1, 1))
    return layer


def known() -> Method:
    return Method(nn.Sequential(scaled(6, 6, 3.0), scaled(6, 3, 0.25)))


def started(network: nn.Module, **changes: Any) -> TrainStep:
    torch.manual_seed(5)
    step = make_train_step(network, recipe(losses={"mse": 1.0}, **changes), compute())
    step.network.train()
    return step


def by_name(found: list[ModuleSignals]) -> dict[str, ModuleSignals]:
    return {one.module: one for one in found}


@pytest.mark.parametrize("parts", [1, 2])
def test_a_network_whose_signals_are_known(parts: int) -> None:
    crops = batch()
    found = by_name(measure(started(known(), accumulate=parts), crops, 0))
    assert [*found] == [NETWORK, "body.0", "body.1"]
    sd = crops.x.double().std(correction=0).item()
    first, last, whole = found["body.0"], found["body.1"], found[NETWORK]
    assert first.input_sd == pytest.approx(sd, rel=1e-6)
    assert first.output_sd == pytest.approx(3 * sd, rel=1e-6)
    assert first.ratio == pytest.approx(3, rel=1e-6)
    kept = 0.75 * crops.x[:, :3].double()
    assert last.output_sd == pytest.approx(kept.std(correction=0).item(), rel=1e-6)
    assert last.output_mean == pytest.approx(kept.mean().item(), rel=1e-6)
    assert (whole.input_sd, whole.output_sd) == (first.input_sd, last.output_sd)
    assert first.weight_norm == pytest.approx(3 * 6**0.5)
    assert (whole.leaf, first.leaf, whole.mixes, first.mixes) == (False, True, False, True)
    assert (first.kind, whole.kind, first.update_ratio, first.dead) == (
        "Conv2d",
        "Method",
        None,
        None,
    )


@pytest.mark.parametrize("parts", [1, 2])
def test_gradients_by_hand(parts: int) -> None:
    crops = batch()
    found = by_name(measure(started(known(), accumulate=parts), crops, 0))
    # The loss is the mean of d^2, d = 0.75 x - t; its gradient to the last weights is 2 d (3 x).
    x, d = crops.x.double(), 0.75 * crops.x[:, :3].double() - crops.target.double()
    last = torch.einsum("nohw,nihw->oi", 2 * d / d.numel(), 3 * x).norm().item()
    first = 0.25 * torch.einsum("nohw,nihw->oi", 2 * d / d.numel(), x).norm().item()
    assert found["body.1"].gradient_norm == pytest.approx(last, rel=1e-5)
    assert found["body.0"].gradient_norm == pytest.approx(first, rel=1e-5)
    assert found[NETWORK].gradient_norm == pytest.approx((first**2 + last**2) ** 0.5, rel=1e-5)


def test_the_size_of_an_update() -> None:
    step = started(known(), optimizer="adam")
    before = weights_of(step.network)
    step.step(batch(), 2, RATE, "the test")
    found = by_name(measure(step, batch(), 1, before))
    # The first step of Adam moves every weight with a gradient by the rate: 18 of 36, and 18.
    assert found["body.0"].update_ratio == pytest.approx(RATE * 18**0.5 / (3 * 6**0.5), rel=1e-3)
    assert found["body.1"].update_ratio == pytest.approx(RATE * 18**0.5 / (0.25 * 3**0.5), rel=1e-3)
    assert {one.step for one in found.values()} == {1}


class Relus(nn.Module):
    """A convolution with two closed channels of four, then a ReLU."""

    def __init__(self, relu: Callable[[Tensor], Tensor], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.layer = nn.Conv2d(6, 4, 1) if layer is None else layer
        self.relu = relu
        with torch.no_grad():
            self.layer.get_parameter("bias").copy_(torch.tensor([9.0, -9.0, 9.0, -9.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.layer(x))


RELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "functional": functional.relu,
    "in place": lambda x: functional.relu(x, inplace=True),
    "functional.relu_": functional.relu_,
    "torch": torch.relu,
    "torch.relu_": torch.relu_,
    "method": Tensor.relu,
    "method in place": Tensor.relu_,
}


@pytest.mark.parametrize("kind", RELUS)
def test_dead_channels_of_functions(kind: str) -> None:
    network = Relus(RELUS[kind])
    with recorded(network) as flows:
        network(torch.rand(2, 6, 5, 5))
    assert closed(flows["layer"]) == [False, True, False, True]
    # Measured before the ReLU, also where it overwrites its input.
    assert flows["layer"].left.mean < 1


@pytest.mark.parametrize("inplace", [False, True])
def test_dead_channels_of_modules(inplace: bool) -> None:
    network = Relus(nn.ReLU(inplace))
    with recorded(network) as flows:
        network(torch.rand(2, 6, 5, 5))
    assert closed(flows["relu"]) == [False, True, False, True]
    assert flows["layer"].alive is None
    assert flows["relu"].entered.mean < 1 < flows["relu"].left.mean


def test_channels_of_a_linear_layer_come_last() -> None:
    network = Relus(functional.relu, nn.Linear(6, 4))
    with recorded(network) as flows:
        network(torch.rand(2, 5, 6))
    assert closed(flows["layer"]) == [False, True, False, True]


def test_a_channel_lives_if_any_pass_opens_it() -> None:
    flow = ModuleFlow()
    for open_channel in (0, 1):
        activated = torch.zeros(1, 3, 2, 2)
        activated[0, open_channel, 1, 0] = 1e-9
        flow.activate(activated, 1)
    assert closed(flow) == [False, False, True]


def closed(flow: ModuleFlow) -> list[bool]:
    assert flow.alive is not None
    return (~flow.alive).tolist()


def test_dead_channels_are_counted() -> None:
    network = Method(nn.Sequential(Relus(functional.relu), nn.Conv2d(4, 3, 1)))
    found = by_name(measure(started(network), batch(), 0))
    one = found["body.0.layer"]
    assert (one.channels, one.dead) == (4, 2)
    assert found["body.1"].dead is None


def hooks_of(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


def test_hooks_are_removed() -> None:
    network = known()
    with recorded(network):
        assert hooks_of(network) == 6
    assert hooks_of(network) == 0
    with pytest.raises(RuntimeError, match="channels"), recorded(network):
        network(torch.rand(1, 5, 4, 4))
    assert hooks_of(network) == 0
    # The watch on ReLUs is gone too.
    assert type(functional.relu(torch.ones(1))) is Tensor
    assert torch.overrides._get_current_function_mode() is None


class Noisy(nn.Module):
    """Draws random numbers, and keeps statistics of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(6, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5)
        )

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        result: Tensor = self.body(x)
        return result


@pytest.mark.parametrize("optimizer", ["adam", "radam"])
def test_a_training_continues_as_without(optimizer: str) -> None:
    states = []
    for looks in (False, True):
        torch.manual_seed(0)
        step = started(Noisy(), optimizer=optimizer)
        for number in range(4):
            if looks:
                measure(step, batch(9), number)
            step.step(batch(number), 2, RATE, "the test")
        states.append(step.network.state_dict())
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_it_repeats() -> None:
    step = started(Noisy())
    assert measure(step, batch(), 0) == measure(step, batch(), 0)
    assert all(weight.grad is None for weight in step.network.parameters())


@pytest.mark.parametrize("name", ["dmtnet-b", "dpdnet", "ifan", "restormer"])
def test_the_results_of_a_network_stay(name: str) -> None:
    one = trainee(name)
    loss, gradients = one.gradients()
    with recorded(one.network) as flows:
        again, same = one.gradients()
    assert again == loss
    assert all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(gradients, same, strict=True)
    )
    called = [flow for flow in flows.values() if flow.left.count]
    assert len(called) > 0.8 * len(flows)
    assert hooks_of(one.network) == 0


def test_what_is_not_called_has_no_signal() -> None:
    network = Method(nn.Sequential(scaled(6, 3, 1.0)))
    network.spare = nn.Conv2d(3, 3, 1)
    found = by_name(measure(started(network), batch(), 0))
    assert (found["spare"].output_sd, found["spare"].ratio) == (None, None)
    assert found["spare"].gradient_norm == 0
