"""KPAC-Net against its authors' program: the dual model and both single ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support.golden_weights import GOLDENS, Floats, golden, official_state, uniform
from support.threads import single_thread
from torch import Tensor, nn
from torch.nn import functional

from baselines import kpac
from pipeline.evaluation.flops_fvcore import flops_fvcore

KEYS = json.loads((GOLDENS / "kpac.keys.json").read_text())
MODELS: dict[str, dict[str, Any]] = {
    "dual": {},
    "2level": {"levels": 2, "dual": False},
    "3level": {"levels": 3, "dual": False},
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with single_thread():
        yield


def rule(key: str, numbers: Floats) -> Floats:
    if numbers.ndim != 4:
        return 0.1 * numbers
    height, width, third, fourth = numbers.shape
    fan_in = height * width * (fourth if "W_deconv2d" in key else third)
    return 1.5 * numbers / np.sqrt(fan_in)


def state_of(model: str) -> dict[str, Any]:
    return official_state("kpac", rule, None if model == "dual" else f"__keys_{model}__")


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    values = golden("kpac").items()
    return {name: torch.from_numpy(value) for name, value in values if value.dtype.kind != "U"}


def views(expected: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The combined view and the pair."""
    pair = torch.from_numpy(uniform(int(expected["input_seed"]), tuple(expected["input_shape"])))
    combined = torch.from_numpy(uniform(int(expected["c_seed"]), tuple(expected["c_shape"])))
    return combined, pair


def random_image(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def narrow(seed: int = 0, **changes: Any) -> kpac.KPACNet:
    torch.manual_seed(seed)
    network = kpac.build(**{"width": 12, **changes}).eval()
    for parameter in network.parameters():
        # The initial weights are too small for anything to depend on them at this width.
        nn.init.normal_(parameter, std=0.1)
    return network


def close(found: Tensor, wanted: Tensor, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


def test_the_authors_output(expected: dict[str, Tensor]) -> None:
    network = kpac.load_official(state_of("dual")).eval()
    combined, pair = views(expected)
    mean = 0.5 * (pair[:, :3] + pair[:, 3:])
    with torch.inference_mode():
        output = network(torch.cat((combined, pair), dim=1))
        other = network(torch.cat((mean, pair), dim=1))
    close(output, (expected["output"] + 1) / 2)
    close(output - combined, expected["output_residual"] / 2)
    close(other, (expected["output_c_is_mean_of_lr"] + 1) / 2)
    assert output.min() < 0
    assert output.max() > 1


@pytest.mark.parametrize("model", ["2level", "3level"])
def test_the_single_models(model: str, expected: dict[str, Tensor]) -> None:
    network = kpac.load_official(state_of(model), **MODELS[model]).eval()
    with torch.inference_mode():
        close(network(views(expected)[0]), (expected[f"output_single_{model}"] + 1) / 2)


@pytest.mark.parametrize(
    ("arguments", "params", "macs"),
    [
        ({}, KEYS["__params__"], KEYS["__macs_1x6x1120x1680__"]),
        (MODELS["2level"], KEYS["__params_2level__"], KEYS["__macs_single_2level_3ch__"]),
        (MODELS["3level"], KEYS["__params_3level__"], KEYS["__macs_single_3level_3ch__"]),
        (
            {"levels": 2},
            KEYS["__params_hypothetical_2level_6ch__"],
            KEYS["__macs_hypothetical_2level_6ch__"],
        ),
    ],
)
def test_size_and_cost(arguments: dict[str, Any], params: int, macs: int) -> None:
    network = kpac.build(**arguments)
    assert sum(parameter.numel() for parameter in network.parameters()) == params
    channels = 9 if network.dual else 3
    assert flops_fvcore(network, channels, 1120, 1680).by_operator == {"conv": macs}


@pytest.mark.parametrize("levels", [2, 3])
def test_cost_basis_of_padded_sizes(levels: int) -> None:
    network = narrow(levels=levels)
    full = flops_fvcore(network, 9, 35, 41, fit=False)
    assert flops_fvcore(network, 9, 35, 41).total == full.total


@pytest.mark.parametrize(
    ("model", "order"),
    [
        ("dual", KEYS["__npz_order_dual__"]),
        ("2level", KEYS["__npz_order_2level__"]),
        ("3level", KEYS["__npz_order_dual__"]),
    ],
)
def test_weights_without_names(model: str, order: list[str]) -> None:
    state, arguments = state_of(model), MODELS[model]
    named = kpac.load_official(state, **arguments).state_dict()
    assert list(kpac.official_names(arguments.get("levels", 3)).values()) == order
    arrays = [state[name] for name in order]
    # Text sorts "10" before "2".
    numbered = {str(index): arrays[index] for index in sorted(range(len(arrays)), key=str)}
    objects = np.empty(len(arrays), dtype=object)
    objects[:] = arrays
    for given in (arrays, numbered, objects):
        loaded = kpac.load_official(given, **arguments).state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in named.items())


def _without_one(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != "deblur_net/cf/1/b_conv2d:0"}


@pytest.mark.parametrize(
    ("change", "arguments", "match"),
    [
        (_without_one, {}, "the weights lack 'deblur_net/cf/1/b_conv2d:0'"),
        (lambda state: {**state, "beta": np.ones(1)}, {}, "unknown entry 'beta'"),
        (dict, {"levels": 2}, "unknown entry 'deblur_net/deblur/c4/W_conv2d:0'"),
        (dict, {"dual": False}, "'deblur_net/deblur/c0/W_conv2d:0' has shape .48, 6, 5, 5"),
        (lambda state: list(state.values())[:-1], {}, "has 65 arrays where KPAC has"),
        (lambda state: list(state.values())[::-1], {}, "'deblur_net/deblur/c0/W_conv2d:0' has sh"),
        (lambda _: {}, {}, "the weights lack 'deblur_net/deblur/c0/W_conv2d:0'"),
    ],
)
def test_weights_that_do_not_fit(change: Any, arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        kpac.load_official(change(state_of("dual")), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("size", [(33, 47), (64, 44), (5, 3), (1, 1)])
def test_any_size_is_padded_by_its_edge(size: tuple[int, int], levels: int) -> None:
    network, x, multiple = narrow(levels=levels), random_image((2, 9, *size)), 2**levels
    height, width = size
    pad = (0, -width % multiple, 0, -height % multiple)
    with torch.inference_mode():
        output = network(x)
        whole = network(functional.pad(x, pad, mode="replicate"))
    close(output, whole[..., :height, :width])
    assert output.shape == (2, 3, *size)


def test_a_batch_is_its_images() -> None:
    network, x = narrow(), random_image((2, 9, 24, 32))
    with torch.inference_mode():
        close(network(x), torch.cat([network(image[None]) for image in x]))
        assert torch.equal(network(x, origin=(8, 8), full_size=(99, 99)), network(x))


def test_the_combined_view_is_only_added() -> None:
    network, x = narrow(), random_image((1, 9, 24, 32))
    other = torch.cat((random_image((1, 3, 24, 32), seed=7), x[:, 3:]), dim=1)
    swapped = torch.cat((x[:, :3], x[:, 6:], x[:, 3:6]), dim=1)
    with torch.inference_mode():
        residual = network(x) - x[:, :3]
        close(network(other) - other[:, :3], residual)
        assert (network(swapped) - network(x)).abs().max() > 1e-3


@pytest.mark.parametrize("arguments", [{}, {"levels": 2}, {"dual": False}])
def test_gradients_reach_everything(arguments: dict[str, Any]) -> None:
    network = narrow(**arguments)
    network(random_image((1, 9 if network.dual else 3, 24, 32))).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_initial_values() -> None:
    torch.manual_seed(0)
    for layer in kpac.build().modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            std = float(layer.weight.detach().std())
            assert std == pytest.approx(0.04, rel=5 / layer.weight.numel() ** 0.5)
            assert layer.bias is None or not layer.bias.any()


def test_bfloat16_is_finite() -> None:
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        assert narrow()(random_image((1, 9, 24, 32))).isfinite().all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: kpac.build(levels=4), "levels must be 2 or 3, not 4"),
        (lambda: kpac.build(width=40), "width 40 is not a multiple of 12"),
        (
            lambda: narrow()(random_image((1, 6, 8, 8))),
            r"expected \[B, 9, H, W\], got \(1, 6, 8, 8\)",
        ),
        (lambda: narrow(dual=False)(random_image((1, 9, 8, 8))), r"expected \[B, 3, H, W\]"),
    ],
)
def test_mistakes(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
