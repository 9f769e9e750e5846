"""DMTNet as a whole: sizes, shapes, choices, and what a forward pass may depend on."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.miniatures import NARROW, image, narrow
from torch import Tensor, nn
from torch.nn import functional

from dmtnet import VIEWS, Trace, build
from dmtnet.attention import TransformerBlock, WindowAttention
from dmtnet.network import VARIANTS


def size_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"variant": "t"}, 1_233_395),
        ({"variant": "s"}, 12_567_256),
        ({"variant": "b"}, 24_458_353),
        ({"variant": "l"}, 36_349_450),
        ({"variant": "h"}, 48_240_547),
        ({"variant": "b", "transformer": False}, 23_975_844),
        ({"variant": "b", "selection": "mean"}, 24_457_963),
        ({"variant": "b", "selection": "sum"}, 24_457_963),
    ],
)
def test_parameters_match_the_paper(arguments: dict[str, Any], expected: int) -> None:
    with torch.device("meta"):
        assert size_of(build(**arguments)) == expected


def test_parameters_of_the_parts() -> None:
    with torch.device("meta"):
        network = build("b")
    assert {size_of(block) for block in network.extraction.blocks} == {112_227}
    assert {size_of(dmssrm) for dmssrm in network.dmssrms} == {11_891_097}
    groups = [scale.rgm for dmssrm in network.dmssrms for scale in dmssrm.scales]
    assert [size_of(group) for group in groups] == 6 * [3_907_634]


def test_variants_differ_as_stated() -> None:
    assert list(VARIANTS) == ["t", "s", "b", "l", "h"]
    for count, variant in enumerate(VARIANTS):
        network = narrow(variant=variant, num_blocks=1)
        assert len(network.dmssrms) == count
        assert (network.bottleneck is None) == (count == 0)
        # T's biases and activations in the head are its own.
        assert (network.reduction.bias is not None) == (variant == "t")
        assert any(isinstance(layer, nn.PReLU) for layer in network.head) == (variant == "t")
    with torch.device("meta"):
        blocks = [len(build(variant).extraction.blocks) for variant in VARIANTS]
    assert blocks == [10, 5, 5, 5, 5]


def test_no_two_parts_share_weights() -> None:
    parameters = [id(parameter) for parameter in narrow().parameters()]
    assert len(parameters) == len(set(parameters))


NETWORK = narrow(num_dmssrm=1)


@settings(max_examples=12, deadline=None)
@given(st.integers(16, 70), st.integers(16, 70), st.integers(1, 2))
def test_any_size_from_16_up_keeps_its_size(height: int, width: int, batch: int) -> None:
    with torch.inference_mode():
        output = NETWORK(image(height, width, batch))
    assert output.shape == (batch, 3, height, width)
    assert torch.isfinite(output).all()


@pytest.mark.parametrize(
    "shape",
    [
        (1, 6, 15, 64),
        (1, 6, 64, 15),
        (1, 3, 64, 64),
        (1, 9, 64, 64),
        (6, 64, 64),
        (1, 1, 6, 64, 64),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \[B, 6, H, W\]"):
        NETWORK(torch.zeros(shape))


def test_a_batch_equals_its_members_one_by_one() -> None:
    network, x = narrow(), image(36, 52, batch=3)
    with torch.inference_mode():
        together = network(x)
        alone = torch.cat([network(member) for member in x.split(1)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


@pytest.mark.parametrize("shift", ["none", "alternate"])
def test_fused_and_plain_kernels_are_one_function(shift: str) -> None:
    # 44x60 pixels are 12x16 tokens after padding to multiples of 16: windows are padded too.
    fused, plain = (narrow(shift=shift, kernel=kernel) for kernel in ("fused", "plain"))
    x = image(44, 60)
    outputs = [network(x) for network in (fused, plain)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-5)
    for output in outputs:
        output.square().mean().backward()
    pairs = zip(fused.named_parameters(), plain.named_parameters(), strict=True)
    for (name, one), (_, two) in pairs:
        assert one.grad.abs().max() > 0, name
        torch.testing.assert_close(one.grad, two.grad, rtol=0, atol=1e-5, msg=name)


def test_half_precision_is_not_left_for_float32_in_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[torch.dtype] = []
    fused = functional.scaled_dot_product_attention

    def watched(query: Tensor, *rest: Tensor, **kwargs: Any) -> Tensor:
        used.append(query.dtype)
        return fused(query, *rest, **kwargs)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    network, x = narrow(num_blocks=1), image(44, 60)
    with torch.autocast("cpu", torch.bfloat16):
        trained = network(x)
        assert not used
        with torch.inference_mode():
            inferred = network(x)
    assert {*used} == {torch.bfloat16}
    torch.testing.assert_close(trained, inferred, rtol=0, atol=0.05)
    network(x)
    assert used[-1] == torch.float32


def test_shift_changes_every_second_block_only() -> None:
    shifts = [block.shift for block in narrow(shift="alternate", num_blocks=5).extraction.blocks]
    assert shifts == [0, 4, 0, 4, 0]
    assert {block.shift for block in narrow().extraction.blocks} == {0}


def test_the_right_view_comes_first() -> None:
    assert VIEWS == ("right", "left")
    network, x = narrow(image_residual=True), image(32, 32)
    plain = narrow()
    with torch.inference_mode():
        skip = network(x) - plain(x)
        swapped = plain(torch.cat([x[:, 3:], x[:, :3]], 1))
        assert (swapped - plain(x)).abs().max() > 1e-3
    right, left = x[:, :3], x[:, 3:]
    torch.testing.assert_close(skip, (right + left) / 2, rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", ["s", "b", "h"])
def test_selection_weights_are_a_distribution_per_dmssrm(variant: str) -> None:
    network, x = narrow(variant=variant), image(36, 52, batch=2)
    with torch.inference_mode():
        weights = network.selection_weights(x)
    assert len(weights) == VARIANTS[variant]["num_dmssrm"]
    for weight in weights:
        assert weight.shape == (2, 3)
        assert (weight > 0).all()
        torch.testing.assert_close(weight.sum(1), torch.ones(2))
        assert (weight[0] - weight[1]).abs().max() > 0


def test_a_net_without_dmssrm_has_no_selection_weights() -> None:
    assert narrow(variant="t").selection_weights(image(16, 16)) == []


def test_the_trace_only_looks() -> None:
    network, x, trace = narrow(), image(36, 52, batch=2), Trace()
    with torch.inference_mode():
        assert torch.equal(network(x, trace=trace), network(x))
    assert [len(scales) for scales in trace.scale_features] == [3, 3]
    for scales in trace.scale_features:
        # 36x52 pixels are padded to 48x64.
        assert {tuple(feature.shape) for feature in scales} == {(2, 8, 12, 16)}


@pytest.mark.parametrize(("selection", "weight"), [("mean", 1 / 3), ("sum", 1.0)])
def test_fixed_selection(selection: str, weight: float) -> None:
    network, x, trace = narrow(selection=selection), image(32, 48), Trace()
    with torch.inference_mode():
        network(x, trace=trace)
    for weights in trace.selection_weights:
        torch.testing.assert_close(weights, torch.full((1, 3), weight))
    assert not any("selection" in name for name in network.state_dict())


def test_position_of_a_crop_does_not_matter() -> None:
    network, x = narrow(), image(32, 32)
    with torch.inference_mode():
        assert torch.equal(network(x, origin=(8, 16), full_size=(100, 100)), network(x))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"variant": "x"}, "variant must be one of t, s, b, l, h, not 'x'"),
        ({"shift": "cyclic"}, "shift must be one of none, alternate"),
        ({"selection": "median"}, "selection must be one of adaptive, mean, sum"),
        ({"kernel": "flash"}, "kernel must be one of fused, plain"),
        ({"channels": 30}, "channels 30 is not a multiple of 4"),
        ({"embed_dim": 32}, "embed_dim 32 is not a multiple of num_heads 3"),
    ],
)
def test_unknown_choices_are_refused(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        build(**{**NARROW, **arguments})


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="num_block"):
        build("b", num_block=3)


def test_initial_values() -> None:
    torch.manual_seed(0)
    network = build("s", num_blocks=1, num_rbm=1, num_rm=1)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            assert math.isclose(float(module.weight.detach().std()), 0.02, rel_tol=0.05)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, WindowAttention):
            assert math.isclose(float(module.relative_bias.detach().std()), 0.02, rel_tol=0.1)
        elif isinstance(module, nn.PReLU):
            assert module.weight.tolist() == [0.25]


@pytest.mark.parametrize(
    ("size", "window", "expected"),
    [
        ((1120, 1680), 8, (117_600, 1, 118_720)),
        ((17, 16), 8, (32, 1, 64)),
        # Windows of 4 tokens always fit into multiples of 16 pixels.
        ((17, 16), 4, (32, 1)),
    ],
)
def test_cost_basis(size: tuple[int, int], window: int, expected: tuple[int, ...]) -> None:
    assert narrow(window_size=window).cost_basis(*size) == expected


def test_cost_basis_counts_what_the_blocks_see(monkeypatch: pytest.MonkeyPatch) -> None:
    network, tokens, padded = narrow(), set(), set()
    block, attention = TransformerBlock.forward, WindowAttention.forward

    def watch_block(self: TransformerBlock, x: Tensor) -> Tensor:
        tokens.add(x.shape[1] * x.shape[2])
        return block(self, x)

    def watch_attention(self: WindowAttention, x: Tensor, mask: Tensor | None = None) -> Tensor:
        padded.add(x.shape[0] * x.shape[1])
        return attention(self, x, mask)

    monkeypatch.setattr(TransformerBlock, "forward", watch_block)
    monkeypatch.setattr(WindowAttention, "forward", watch_attention)
    network(image(33, 70))
    counted = network.cost_basis(33, 70)
    assert (tokens, padded) == ({counted[0]}, {counted[2]})
