"""Published weights are taken whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines._shared.official_weights import load_named

State = dict[str, object]


def state() -> State:
    return {"weight": np.full((2, 3), 0.5, np.float64), "bias": torch.ones(2)}


@pytest.mark.parametrize("prefix", ["", "module.", "module.Network."])
def test_arrays_and_tensors_with_or_without_wrappers(prefix: str) -> None:
    layer = nn.Linear(3, 2)
    load_named(layer, {prefix + name: value for name, value in state().items()})
    assert torch.equal(layer.weight, torch.full((2, 3), 0.5))
    assert torch.equal(layer.bias, torch.ones(2))


def test_the_authors_names_and_derived_entries() -> None:
    layer = nn.Linear(3, 2)
    given = {f"old_{name}": value for name, value in state().items()}
    given["some.index"] = np.zeros(4)
    load_named(layer, given, {n: f"old_{n}" for n in state()}, derived=("index",))
    assert torch.equal(layer.bias, torch.ones(2))


def _without(given: State) -> None:
    del given["bias"]


def _with_another(given: State) -> None:
    given["more"] = np.zeros(1)


def _reshaped(given: State) -> None:
    given["weight"] = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (_without, "weights lack 'bias'"),
        (_with_another, "unknown entry 'more'"),
        (_reshaped, r"'weight' has shape \(3, 2\) .* expected \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(
    damage: Callable[[State], None], match: str
) -> None:
    layer = nn.Linear(3, 2)
    before: list[Tensor] = [value.clone() for value in layer.parameters()]
    given = state()
    damage(given)
    with pytest.raises(ValueError, match=match) as caught:
        load_named(layer, given)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))
