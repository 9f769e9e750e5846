"""DPDNet and RDPD against the authors' programs, and what the two must do beyond them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.golden_weights import Floats, golden, official_state, uniform
from torch import Tensor, nn

from baselines import dpdnet, rdpd
from baselines._shared.unet import he_normal_, pad, swap_colors

SIZE = (1120, 1680)
TOLERANCE = 1e-5


def dpdnet_rule(key: str, numbers: Floats) -> Floats:
    if numbers.ndim == 4:
        return numbers * np.sqrt(2 / np.prod(numbers.shape[1:]))
    return (0.5 if key == "conv9_3.bias" else 0.0) + 0.1 * numbers


def rdpd_rule(key: str, numbers: Floats) -> Floats:
    if numbers.ndim == 4:
        gain = 6.0 if key.startswith("convlstm.") else 0.5 if key == "conv10.weight" else np.sqrt(2)
        return numbers * gain / np.sqrt(np.prod(numbers.shape[1:]))
    return (0.5 if key in ("conv9_3.bias", "conv10.bias") else 0.0) + 0.1 * numbers


RULES = {"dpdnet": dpdnet_rule, "rdpd": rdpd_rule}
MODULES: dict[str, ModuleType] = {"dpdnet": dpdnet, "rdpd": rdpd}


@pytest.fixture(scope="module", params=["dpdnet", "rdpd"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def official(name: str) -> nn.Module:
    network = MODULES[name].load_official(official_state(name, RULES[name]))
    return network.eval()  # type: ignore[no-any-return]


def rgb(values: NDArray[Any]) -> Tensor:
    """The goldens' blue-first images as the harness has them."""
    views = np.split(values, values.shape[-3] // 3, axis=-3)
    return torch.from_numpy(np.concatenate([np.flip(view, -3) for view in views], axis=-3))


def random_image(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def worst(found: Tensor, expected: NDArray[Any]) -> float:
    return float((found - rgb(expected)).abs().max())


@torch.no_grad()
def test_the_output_is_that_of_the_authors_program(name: str, official: nn.Module) -> None:
    data: Any = golden(name)
    shape = tuple(data["input_shape"])
    assert worst(official(rgb(uniform(data["input_seed"], shape))), data["output"]) < TOLERANCE


@torch.no_grad()
def test_every_layer_is_that_of_the_authors_program(name: str, official: nn.Module) -> None:
    data: Any = golden(name)
    shape = tuple(data["seq_input_shape" if name == "rdpd" else "input_shape"])
    x = rgb(uniform(data["input_seed"], shape))
    seen: dict[str, tuple[float, float]] = {}

    def hook(layer: str) -> Any:
        def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            # The hook sees convolutions before their ReLU.
            plain = layer in ("conv10", "convlstm")
            values = (output if plain else output.relu()).double()
            values = values.sigmoid() if (name, layer) == ("dpdnet", "conv10") else values
            seen[layer] = float(values.mean()), float(values.std(correction=0))

        return note

    layers = [str(layer) for layer in data["stage_names"]]
    handles = [official.get_submodule(layer).register_forward_hook(hook(layer)) for layer in layers]
    output = official.forward_sequence(x) if name == "rdpd" else official(x)  # type: ignore[operator]
    for handle in handles:
        handle.remove()
    assert torch.isfinite(output).all()
    found = np.array([seen[layer] for layer in layers]).T
    assert np.allclose(found, [data["stage_mean"], data["stage_std"]], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_sequence_carries_its_state() -> None:
    data: Any = golden("rdpd")
    network = rdpd.load_official(official_state("rdpd", rdpd_rule)).eval()
    frames = rgb(uniform(data["input_seed"], tuple(data["seq_input_shape"])))
    output = network.forward_sequence(frames)
    assert worst(output, data["output_seq"]) < TOLERANCE
    assert torch.allclose(output[:, 0], network(frames[:, 0]), atol=1e-5)
    assert not torch.allclose(output[:, 1], network(frames[:, 1]), atol=1e-2)


def test_the_mask_is_the_authors() -> None:
    data: Any = golden("rdpd")
    mask = rdpd.radial_mask(torch.zeros(1, 6, *data["radial_mask"].shape))
    assert np.array_equal(mask[0, 0].numpy(), data["radial_mask"])


def test_the_mask_of_a_crop_is_a_crop_of_the_mask() -> None:
    whole = rdpd.radial_mask(torch.zeros(2, 6, 50, 70))
    crop = torch.zeros(2, 6, 20, 30)
    assert torch.equal(rdpd.radial_mask(crop, (7, 11), (50, 70)), whole[..., 7:27, 11:41])
    origins = torch.tensor([[7, 11], [30, 40]])
    each = rdpd.radial_mask(crop, origins, (50, 70))
    assert torch.equal(each[0], whole[0, :, 7:27, 11:41])
    assert torch.equal(each[1], whole[1, :, 30:, 40:])
    assert torch.equal(rdpd.radial_mask(torch.zeros(1, 6, 1, 1)), torch.zeros(1, 1, 1, 1))
    for origin in ((31, 0), (0, 41), (-1, 0)):
        with pytest.raises(ValueError, match="leaves the image"):
            rdpd.radial_mask(crop, origin, (50, 70))


@torch.no_grad()
def test_where_a_crop_lies_matters_to_rdpd_and_not_to_dpdnet() -> None:
    x = random_image(0, 1, 6, 16, 16)
    for module, same in ((dpdnet, True), (rdpd, False)):
        torch.manual_seed(0)
        network = module.build(width=4).eval()
        nn.init.constant_(network.get_parameter("conv9_3.bias"), 1.0)
        whole, crop = network(x), network(x, origin=(900, 100), full_size=SIZE)
        assert torch.equal(whole, crop) == same


@pytest.mark.parametrize("variant", ["official", "table1"])
@pytest.mark.parametrize("size", [(1, 1), (5, 40), (33, 47), (48, 32)])
@torch.no_grad()
def test_any_size(name: str, variant: str, size: tuple[int, int]) -> None:
    torch.manual_seed(9)
    network = MODULES[name].build(variant=variant, width=4).eval()
    nn.init.constant_(network.get_parameter("conv9_3.bias"), 0.5)
    x = random_image(1, 2, 6, *size)
    y = network(x, origin=(0, 0), full_size=size)
    assert y.shape == (2, 3, *size)
    assert y.dtype == torch.float32
    assert y.min() >= 0
    assert y.max() <= 1
    assert torch.allclose(y[1:], network(x[1:]), atol=1e-5)


def test_padding_reflects_and_falls_back_to_zeros() -> None:
    x = random_image(2, 1, 1, 20, 5)
    padded = pad(x)
    assert padded.shape == (1, 1, 32, 16)
    assert torch.equal(padded[..., :20, :5], x)
    assert torch.equal(padded[..., 20:, :5], x.flip(-2)[..., 1:13, :])
    assert not padded[..., 5:].any()
    assert pad(padded) is padded


def test_colors_are_swapped_within_each_view() -> None:
    x = torch.arange(6.0)[:, None, None]
    assert swap_colors(x).flatten().tolist() == [2, 1, 0, 5, 4, 3]
    assert torch.equal(swap_colors(swap_colors(x)), x)


def test_gradients_reach_every_parameter_but_the_declared_ones(name: str) -> None:
    torch.manual_seed(3)
    network = MODULES[name].build(width=4)
    # Three channels with ReLU at the end may all be dead at the start.
    nn.init.constant_(network.get_parameter("conv9_3.bias"), 1.0)
    nn.init.constant_(network.get_parameter("conv10.weight"), 0.1)
    (network(random_image(4, 2, 6, 32, 32)) ** 2).sum().backward()
    without = {key for key, value in network.named_parameters() if not value.grad.any()}
    assert without == set(getattr(MODULES[name], "UNTRAINED", {}))


def test_a_sequence_trains_the_recurrent_weights() -> None:
    torch.manual_seed(3)
    network = rdpd.build(width=4)
    nn.init.constant_(network.get_parameter("conv9_3.bias"), 1.0)
    nn.init.constant_(network.get_parameter("conv10.weight"), 0.1)
    network.forward_sequence(random_image(4, 1, 2, 6, 32, 32)).sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in network.parameters())


def test_dropout_acts_in_training_only(name: str) -> None:
    torch.manual_seed(5)
    network = MODULES[name].build(width=4)
    nn.init.constant_(network.get_parameter("conv9_3.bias"), 1.0)
    x = random_image(6, 1, 6, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    calm = MODULES[name].build(width=4, dropout=0.0)
    assert torch.equal(calm(x), calm(x))


def test_the_masks_of_the_recurrent_dropout_hold_for_the_sequence() -> None:
    torch.manual_seed(7)
    layer: Any = rdpd.build(width=2).get_submodule("convlstm")
    frame = random_image(8, 1, layer.input.in_channels, 6, 6)
    masks = layer._masks(frame)
    assert len(masks) == 4
    assert not torch.equal(masks[0], masks[1])
    assert masks[0].unique().tolist() == pytest.approx([0, 1 / 0.6])
    expected = torch.cat(
        [
            nn.functional.conv2d(frame * mask, weight, padding=1)
            for mask, weight in zip(masks, layer.input.weight.chunk(4), strict=True)
        ],
        dim=1,
    )
    assert torch.equal(layer._project(frame, masks), expected)
    drawn = []
    layer._masks = lambda like: drawn.append(like) or masks
    layer(torch.stack([frame, frame, frame], dim=1))
    assert len(drawn) == 1


def test_the_start_is_keras() -> None:
    weight = torch.empty(64, 32, 3, 3)
    he_normal_(weight)
    sigma = np.sqrt(2 / (32 * 9))
    assert float(weight.std()) == pytest.approx(sigma, rel=0.02)
    assert float(weight.abs().max()) < 2 * sigma / 0.8796
    network = rdpd.build(width=4)
    bias = network.get_parameter("convlstm.bias").chunk(4)
    assert [block.unique().item() for block in bias] == [0, 1, 0, 0]
    recurrent = network.get_parameter("convlstm.recurrent.weight").flatten(1)
    assert torch.allclose(recurrent @ recurrent.T, torch.eye(len(recurrent)), atol=1e-4)
    assert not network.get_parameter("up6.bias").any()


@pytest.mark.parametrize("prefix", ["", "module.", "module.Network."])
def test_weights_with_wrapper_prefixes(name: str, prefix: str) -> None:
    network = MODULES[name].build(width=4)
    state = {f"{prefix}{key}": value.numpy() for key, value in network.state_dict().items()}
    loaded = MODULES[name].load_official(state, width=4)
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[key])
        # A copy: training must not write into what was read.
        assert value.data_ptr() != network.state_dict()[key].data_ptr()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"up7.bias": None}, "the weights lack 'up7.bias'"),
        ({"up7.weight": torch.zeros(8, 4, 3, 3)}, r"'up7.weight' has shape \(8, 4, 3, 3\)"),
        ({"extra.bias": torch.zeros(3)}, "unknown entry 'extra.bias'"),
    ],
)
def test_weights_of_another_network_are_refused(
    name: str, change: dict[str, Tensor | None], message: str
) -> None:
    state = {**MODULES[name].build(width=4).state_dict(), **change}
    kept = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        MODULES[name].load_official(kept, width=4)


def test_wrong_arguments_and_inputs_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="variant must be official or table1, not 'table2'"):
        MODULES[name].build(variant="table2")
    network = MODULES[name].build(width=2)
    for shape in ((1, 7, 16, 16), (6, 16, 16)):
        with pytest.raises(ValueError, match=r"\[B, 6, H, W\]"):
            network(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"\[B, T, 6, H, W\]"):
        rdpd.build(width=2).forward_sequence(torch.zeros(1, 6, 16, 16))
