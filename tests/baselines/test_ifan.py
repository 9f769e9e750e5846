"""IFAN against its authors' program, part by part: outputs, weights and costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support.golden_weights import GOLDENS, Floats, by_fan_in, golden, official_state, uniform
from support.narrow_ifan import close, narrow, random_image
from support.threads import single_thread
from torch import Tensor, nn

from baselines import ifan
from baselines.ifan.adaptive import adapt
from pipeline.evaluation.flops_fvcore import flops_fvcore

KEYS = json.loads((GOLDENS / "ifan.keys.json").read_text())
State = dict[str, Any]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with single_thread():
        yield


def rule(key: str, numbers: Floats) -> Floats:
    return by_fan_in(key, numbers) * {"F.3.weight": 0.15, "RBF.3.weight": 0.25}.get(key, 1.0)


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.asarray(value)) for name, value in golden("ifan").items()}


@pytest.fixture(scope="module")
def state() -> State:
    return official_state("ifan", rule)


@pytest.fixture(scope="module")
def reblur_state() -> State:
    return official_state("ifan", rule, "__reblur_keys__")


@pytest.fixture(scope="module")
def network(state: State, reblur_state: State) -> nn.Module:
    return ifan.load_official(state | reblur_state).eval()


def views(expected: dict[str, Tensor], mean: bool = False) -> Tensor:
    pair = torch.from_numpy(uniform(int(expected["input_seed"]), tuple(expected["input_shape"])))
    combined = torch.from_numpy(uniform(int(expected["c_seed"]), tuple(expected["c_shape"])))
    if mean:
        combined = (pair[:, :3] + pair[:, 3:]) / 2
    return torch.cat((combined, pair), dim=1)


def test_the_authors_output(network: nn.Module, expected: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        output = network(views(expected))
    close(output, expected["output_preclip"])
    close(output.clamp(0, 1), expected["output"])
    assert output.min() < 0
    assert output.max() > 1


def test_the_mean_of_the_views_as_combined_view(
    network: nn.Module, expected: dict[str, Tensor]
) -> None:
    with torch.inference_mode():
        output = network(views(expected, mean=True))
    close(output.clamp(0, 1), expected["output_c_is_mean_of_lr"])


def test_the_corrected_horizontal_pass(state: State, expected: dict[str, Tensor]) -> None:
    network = ifan.load_official(state, corrected_iac=True).eval()
    with torch.inference_mode():
        close(network(views(expected)), expected["output_preclip_corrected_iac"])


def test_the_training_branch(network: ifan.IFAN, expected: dict[str, Tensor]) -> None:
    x = views(expected)
    sharp = torch.from_numpy(uniform(int(expected["gt_seed"]), tuple(expected["c_shape"])))
    with torch.inference_mode():
        found = network.forward_training(x, sharp)
        close(network.disparity_map(x), expected["disparity_map"])
    close(found["output"], expected["output_preclip"])
    close(found["disparity"], expected["disparity_map"])
    close(found["warped_right"], expected["train_f_R_w"])
    close(found["warped_right_target"], expected["train_f_L"])
    close(found["reblurred"], expected["reblur_SB"])
    close(found["reblurred_target"], x[:, :3].unfold(2, 8, 8).unfold(3, 8, 8).mean((-1, -2)))
    close(found["filters"].mean(), expected["train_filter_mean"])
    close(found["filters"].std(), expected["train_filter_std"])
    assert found["output_target"] is sharp


STAGES = {
    "DME": "disparity",
    "conv_DME": "lifting",
    "conv4_4": "fusion",
    "F": "filters",
    "conv_res": "bottleneck",
    "out_res": "output",
    "conv1_1": "features.stages.0.0",
    "conv4_3": "features.stages.3.2",
    "kconv2_1": "filter_encoder.stages.1.0",
    "kconv4_3": "filter_encoder.stages.3.2",
    "upconv3_u": "decoder.0.up",
    "upconv3_1": "decoder.0.blocks.0",
    "upconv1_2": "decoder.2.blocks.1",
}


def test_every_stage(network: nn.Module, expected: dict[str, Tensor]) -> None:
    seen: dict[str, Tensor] = {}
    handles = [
        network.get_submodule(ours).register_forward_hook(
            lambda _module, _inputs, output, name=theirs: seen.__setitem__(name, output)
        )
        for theirs, ours in STAGES.items()
    ]
    with torch.inference_mode():
        network(views(expected))
    for handle in handles:
        handle.remove()
    for name in STAGES:
        close(seen[name].mean(), expected[f"mean__{name}"])
        close(seen[name].std(), expected[f"std__{name}"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("iac_out_official", {"corrected": False}),
        ("iac_out_official_no_last_act", {"corrected": False, "last_activation": False}),
        ("iac_out_corrected", {"corrected": True}),
    ],
)
def test_adaptive_convolution(
    name: str, options: dict[str, bool], expected: dict[str, Tensor]
) -> None:
    found = adapt(expected["iac_feat"], expected["iac_filters"], int(expected["iac_N"]), **options)
    close(found, expected[name])


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("dual", 10_477_860),
        ("single", 10_476_996),
        ("single-8", 9_436_740),
        ("single-26", 11_517_252),
        ("single-35", 12_557_508),
        ("single-44", 13_597_764),
    ],
)
def test_parameters(variant: str, expected: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in ifan.build(variant).parameters()) == expected


def test_parameters_of_the_reblurring_network() -> None:
    with torch.device("meta"):
        network = ifan.build(reblurring=True)
        other = ifan.build("single-26", reblurring=True)
    assert network.reblurring is not None
    assert sum(p.numel() for p in network.parameters()) == 29_617_545
    assert sum(p.numel() for p in network.reblurring.parameters()) == KEYS["__reblur_params__"]
    assert other.reblurring is not None
    assert other.reblurring.predictor[-1].out_channels == 9 * 21


@pytest.mark.parametrize(
    ("variant", "channels", "expected"),
    [("dual", 9, KEYS["__macs_1x6x1120x1680__"]), ("single", 3, 738_076_416_000)],
)
def test_multiply_accumulates(variant: str, channels: int, expected: int) -> None:
    assert flops_fvcore(ifan.build(variant), channels, 1120, 1680).by_operator == {"conv": expected}


def test_cost_basis_of_padded_sizes() -> None:
    network = narrow()
    assert network.cost_basis(1120, 1680) == (140 * 210,)
    assert network.cost_basis(33, 40) == (5 * 5,)
    full = flops_fvcore(network, 9, 33, 41, fit=False)
    assert flops_fvcore(network, 9, 33, 41).total == full.total


def test_weights_with_the_prefixes_of_the_published_files(
    state: State, reblur_state: State, network: nn.Module
) -> None:
    wrapped = {f"module.Network.{key}": torch.from_numpy(value) for key, value in state.items()}
    alone = ifan.load_official(wrapped)
    assert alone.reblurring is None
    reblur = {f"module.reblurNet.{key}": value for key, value in reblur_state.items()}
    both = ifan.load_official(wrapped | reblur)
    assert ifan.load_official(wrapped | reblur, reblurring=False).reblurring is None
    for name, value in network.state_dict().items():
        assert torch.equal(both.state_dict()[name], value)
        if not name.startswith("reblurring."):
            assert torch.equal(alone.state_dict()[name], value)


def _without(name: str) -> Any:
    return lambda state: {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "arguments", "match"),
    [
        (_without("F.3.bias"), {}, "the weights lack 'F.3.bias'"),
        (lambda state: {**state, "G.0": np.ones(1)}, {}, "unknown entry 'G.0'"),
        (dict, {"iterations": 8}, "'F.3.weight' has shape .15232, 128, 1, 1"),
        (dict, {"variant": "single"}, "'kconv1_1.0.weight' has shape .32, 6, 3, 3"),
        (dict, {"reblurring": True}, "the weights lack 'RBF.0.0.weight'"),
        (lambda state: {**state, "F.3.bias": "x"}, {}, "'F.3.bias' is not an array of numbers"),
    ],
)
def test_weights_that_do_not_fit(
    change: Any, arguments: dict[str, Any], match: str, state: State
) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        ifan.load_official(change(state), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: ifan.build("triple"), "variant must be one of dual, single, single-8"),
        (
            lambda: narrow()(random_image((1, 6, 8, 8))),
            r"expected \[B, 9, H, W\], got \(1, 6, 8, 8\)",
        ),
        (lambda: narrow(dual=False)(random_image((1, 9, 8, 8))), r"expected \[B, 3, H, W\]"),
        (
            lambda: narrow().forward_training(
                random_image((1, 9, 8, 8)), random_image((1, 3, 8, 8))
            ),
            r"training needs the reblurring network: build\(reblurring=True\)",
        ),
    ],
)
def test_mistakes(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
