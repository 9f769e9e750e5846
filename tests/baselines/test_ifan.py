"""IFAN against its authors' program, part by part, and its training branch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import numpy as np
import pytest
import torch
from support.golden_weights import GOLDENS, Floats, by_fan_in, golden, official_state, uniform
from torch import Tensor, nn
from torch.nn import functional

from baselines import ifan
from baselines.ifan.adaptive import adapt
from baselines.ifan.blocks import ResidualBlock
from baselines.ifan.reblurring import warp
from pipeline.evaluation.flops_fvcore import flops_fvcore

NARROW = {"iterations": 3, "channels": 4, "reblur_iterations": 2}
KEYS = json.loads((GOLDENS / "ifan.keys.json").read_text())
State = dict[str, Any]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    # Small images gain nothing from threads, and lose minutes to them on a busy machine.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def random_image(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def views(expected: dict[str, Tensor], mean: bool = False) -> Tensor:
    pair = torch.from_numpy(uniform(int(expected["input_seed"]), tuple(expected["input_shape"])))
    combined = torch.from_numpy(uniform(int(expected["c_seed"]), tuple(expected["c_shape"])))
    if mean:
        combined = (pair[:, :3] + pair[:, 3:]) / 2
    return torch.cat((combined, pair), dim=1)


def narrow(seed: int = 0, **changes: Any) -> ifan.IFAN:
    torch.manual_seed(seed)
    return ifan.build(**{**NARROW, **changes}).eval()


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


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


def test_the_filter_map_is_neither_copied_nor_its_input_unfolded() -> None:
    features = random_image((1, 8, 16, 16)).requires_grad_()
    filters = random_image((1, 17 * 8 * 7, 16, 16)).requires_grad_()
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = adapt(features, filters, 17, corrected=False)
    kept.pop(filters.untyped_storage().data_ptr())
    # Each iteration keeps the inputs of both passes, these padded, and one activation: 5 maps.
    # Unfolded inputs or copied kernels would be 3 more for each pass.
    assert sum(kept.values()) < 17 * 6 * features.untyped_storage().nbytes()
    result.sum().backward()
    assert filters.grad is not None


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


@pytest.mark.parametrize("size", [(33, 47), (64, 41), (5, 3), (1, 1)])
def test_any_size_is_padded_by_its_edge(size: tuple[int, int]) -> None:
    network, x = narrow(), random_image((2, 9, *size))
    height, width = size
    padded = functional.pad(x, (0, -width % 8, 0, -height % 8), mode="replicate")
    with torch.inference_mode():
        output = network(x)
        close(output, network(padded)[..., :height, :width])
    assert output.shape == (2, 3, *size)


def test_a_batch_is_its_images() -> None:
    network, x = narrow(), random_image((2, 9, 24, 32))
    with torch.inference_mode():
        alone = torch.cat([network(image[None]) for image in x])
        close(network(x), alone)
        assert torch.equal(network(x, origin=(8, 8), full_size=(99, 99)), network(x))


def test_views_are_told_apart() -> None:
    network, x = narrow(), random_image((1, 9, 24, 32))
    with torch.inference_mode():
        for order in ((0, 2, 1), (1, 0, 2), (2, 1, 0)):
            swapped = torch.cat([x.chunk(3, dim=1)[view] for view in order], dim=1)
            assert (network(x) - network(swapped)).abs().max() > 1e-4


def test_the_single_variant_sees_the_combined_view_alone() -> None:
    network, x = narrow(dual=False, reblurring=True), random_image((1, 9, 24, 32))
    changed = torch.cat((x[:, :6], random_image((1, 3, 24, 32), seed=5)), dim=1)
    with torch.inference_mode():
        first, second = (network.forward_training(v, x[:, :3]) for v in (x, changed))
        assert torch.equal(first["output"], network(x[:, :3]))
        # In training the disparity is that of the right view.
        assert torch.equal(first["disparity"], network.disparity_map(x[:, 6:]))
    assert torch.equal(first["output"], second["output"])
    assert not torch.equal(first["disparity"], second["disparity"])


@pytest.mark.parametrize("shift", [-2.0, 0.0, 1.0])
def test_warping_by_whole_pixels(shift: float) -> None:
    image = random_image((2, 3, 5, 9))
    moved = torch.zeros_like(image)
    for column in range(9):
        if 0 <= column + shift < 9:
            moved[..., column] = image[..., int(column + shift)]
    close(warp(image, torch.full((2, 1, 5, 9), shift)), moved)


def test_residual_blocks_of_one_step_have_no_outer_sum() -> None:
    one, two = ResidualBlock(2, 1), ResidualBlock(2, 2)
    for block in (one, two):
        nn.init.zeros_(block.stem[0][2].weight)
        nn.init.zeros_(block.stem[0][2].bias)
    nn.init.zeros_(two.stem[1][2].weight)
    nn.init.zeros_(two.stem[1][2].bias)
    x = -torch.ones(1, 2, 3, 3)
    close(one(x), 0.1 * x)
    close(two(x), 1.01 * x)


def dead(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    return gradient.flatten(1).abs().amax(1) == 0 if gradient.dim() > 1 else gradient == 0


@pytest.mark.parametrize("corrected", [False, True])
def test_gradients_of_inference(corrected: bool) -> None:
    network = narrow(corrected_iac=corrected)
    network(random_image((1, 9, 24, 32))).square().mean().backward()
    # The second half of each iteration's kernels are the horizontal ones.
    unused = torch.zeros(network.filters[-1].out_channels, dtype=torch.bool)
    if not corrected:
        unused[: 3 * 96].view(3, 2, 48)[:, 1] = True
    for name, parameter in network.named_parameters():
        if name.startswith("filters.3"):
            assert torch.equal(dead(parameter.grad), unused), name
        else:
            assert not dead(parameter.grad).all(), name


@pytest.mark.parametrize("corrected", [False, True])
def test_gradients_of_training(corrected: bool) -> None:
    network = narrow(corrected_iac=corrected, reblurring=True)
    found = network.forward_training(
        random_image((2, 9, 32, 32)), random_image((2, 3, 32, 32), seed=1)
    )
    losses = [
        functional.mse_loss(found[term], found[f"{term}_target"]) for term in ifan.TRAINING_TERMS
    ]
    assert len(losses) == 3
    assert all(loss > 0 for loss in losses)
    sum(losses[1:], losses[0]).backward()
    unused = torch.zeros(2 * 21, dtype=torch.bool)
    if not corrected:
        unused[: 2 * 18].view(2, 2, 9)[:, 1] = True
    for name, parameter in network.named_parameters():
        if name.startswith("reblurring.predictor.3"):
            assert torch.equal(dead(parameter.grad), unused), name
        elif name.startswith("filters.3"):
            assert not dead(parameter.grad).any(), name
        else:
            assert not dead(parameter.grad).all(), name


def test_what_forward_does_not_train_is_declared() -> None:
    network = narrow(reblurring=True)
    network(random_image((1, 9, 24, 32))).sum().backward()
    untrained = {
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or dead(parameter.grad).any()
    }
    declared = {
        name
        for name, _ in network.named_parameters()
        if any(fnmatch(name, pattern) for pattern in ifan.UNTRAINED)
    }
    # A width of 4 with LeakyReLU leaves no unit without gradient but those.
    assert untrained == declared
    assert all(ifan.UNTRAINED.values())


def test_initial_values() -> None:
    torch.manual_seed(0)
    network = ifan.build(iterations=2, reblurring=True)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.bias is not None
            assert not layer.bias.any(), name
            gain = 1.5 if name.startswith("filters.") else 1.0
            fans = sum(layer.weight.shape[:2]) * layer.kernel_size[0] ** 2
            bound = gain * (6 / fans) ** 0.5
            assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=0.05), name


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


def test_trained_weights_serve_without_the_reblurring_network() -> None:
    trained, used = narrow(seed=1, reblurring=True), narrow(seed=2)
    used.load_state_dict(trained.state_dict())
    x = random_image((1, 9, 16, 16))
    with torch.inference_mode():
        assert torch.equal(used(x), trained(x))
    with pytest.raises(RuntimeError, match=r"reblurring\.predictor"):
        trained.load_state_dict(used.state_dict())


def test_bfloat16_is_finite() -> None:
    network = narrow(reblurring=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = network.forward_training(random_image((1, 9, 32, 32)), random_image((1, 3, 32, 32)))
    assert all(bool(value.isfinite().all()) for value in found.values())


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
