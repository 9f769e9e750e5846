"""Uformer-B against the authors' program, its size and cost, padding, shift and pieces."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.golden_weights import Floats, by_fan_in, golden, official_state, uniform
from torch import Tensor, nn

from baselines import uformer
from baselines._shared import row_bands
from baselines._shared.shifted_windows import separate_borders
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.methods import get_method

PARAMETERS = 50_881_810
MACS_256 = {
    "linear": 78_114_717_696,
    "conv": 4_455_399_424,
    "matmul": 4_060_086_272,
    "layer_norm": 317_194_240,
}
# Two levels: sides are multiples of 32.
NARROW = {"embed_dim": 8, "depths": (1, 2, 2, 2, 1), "num_heads": (1, 2, 2, 2, 1)}


def rule(key: str, numbers: Floats) -> Floats:
    small = ("relative_position_bias_table", "modulator.weight")
    return 0.1 * numbers if key.endswith(small) else by_fan_in(key, numbers)


@pytest.fixture(scope="module")
def official() -> nn.Module:
    return get_method("uformer-b").load_official(official_state("uformer_b", rule)).eval()


def small(**arguments: object) -> nn.Module:
    torch.manual_seed(0)
    network = uformer.build(**{**NARROW, **arguments}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def plain(network: nn.Module, x: Tensor) -> Tensor:
    """The whole image at once, as in training."""
    with torch.enable_grad():
        return network(x).detach()


def pieces(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network(x)


WAYS = pytest.mark.parametrize("way", [plain, pieces])
Way = Callable[[nn.Module, Tensor], Tensor]


@WAYS
@pytest.mark.parametrize(
    ("source", "wanted"), [("input", "output"), ("padded_input", "padded_output")]
)
def test_output_of_the_authors_program(
    official: nn.Module, way: Way, source: str, wanted: str
) -> None:
    known = golden("uformer_b")
    x = torch.from_numpy(uniform(known[f"{source}_seed"], tuple(known[f"{source}_shape"])))
    np.testing.assert_allclose(way(official, x).numpy(), known[wanted], rtol=0, atol=1e-4)


def test_a_nominal_size_of_128_switches_the_bottlenecks_shift_off() -> None:
    known = golden("uformer_b")
    state = official_state("uformer_b", rule)
    network = uformer.load_official(state, img_size=128).eval()
    x = torch.from_numpy(uniform(known["input_seed"], tuple(known["input_shape"])))
    wanted = known["output_img_size_128"]
    np.testing.assert_allclose(pieces(network, x).numpy(), wanted, rtol=0, atol=1e-4)
    assert np.abs(wanted - known["output"]).max() > 0.1
    shifts = [[block.shift for block in stage] for stage in network.stages]
    assert shifts[3:6] == [[0, 4] * 4, [0, 0], [0, 4] * 4]


def test_size_and_cost_of_the_authors_program(official: nn.Module) -> None:
    assert sum(parameter.numel() for parameter in official.parameters()) == PARAMETERS
    assert flops_fvcore(official, 6, 256, 256).by_operator == MACS_256
    # The square of 1120 x 1680 has 49 times as many pixels; the rectangle 1152 x 1792, 31.5 times.
    total = sum(MACS_256.values())
    assert flops_fvcore(official, 6, 1120, 1680).total == 49 * total
    with torch.no_grad():
        rectangle = uformer.build(padding="rectangle").eval()
    assert flops_fvcore(rectangle, 6, 1120, 1680).total == 63 * total // 2


@pytest.mark.parametrize("size", [(1, 1), (21, 32), (32, 70), (64, 64)])
@pytest.mark.parametrize("padding", ["square", "rectangle"])
@pytest.mark.parametrize("batch", [1, 2])
def test_pieces_are_the_whole(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], padding: str, batch: int
) -> None:
    monkeypatch.setattr(row_bands, "_CPU_VALUES", 0)
    network = small(padding=padding)
    x = torch.rand(batch, 6, *size)
    before = x.clone()
    whole, banded = plain(network, x), pieces(network, x)
    assert banded.shape == (batch, 3, *size)
    assert torch.equal(x, before)
    torch.testing.assert_close(banded, whole, rtol=1e-5, atol=2e-5)


def test_the_image_lies_in_the_middle_of_zeros() -> None:
    x = torch.rand(1, 6, 21, 70)
    canvas = torch.zeros(1, 6, 96, 96)
    canvas[:, :, 37:58, 13:83] = x
    square, rectangle = small(), small(padding="rectangle")
    wanted = pieces(square, canvas)[..., 37:58, 13:83]
    torch.testing.assert_close(pieces(square, x), wanted, rtol=0, atol=1e-6)
    strip = canvas[:, :, 32:64]
    wanted = pieces(rectangle, strip)[..., 5:26, 13:83]
    torch.testing.assert_close(pieces(rectangle, x), wanted, rtol=0, atol=1e-6)
    assert (pieces(square, x) - pieces(rectangle, x)).abs().max() > 1e-4


def test_both_paddings_agree_on_squares() -> None:
    x = torch.rand(1, 6, 50, 60)
    assert torch.equal(pieces(small(), x), pieces(small(padding="rectangle"), x))


def region_mask(rows: int, columns: int, window: int, shift: int) -> Tensor:
    """The mask of Liu et al., from the nine regions of the rolled map."""
    labels = torch.zeros(rows * window, columns * window)
    bands = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    for number, (down, across) in enumerate((d, a) for d in bands for a in bands):
        labels[down, across] = number
    cut = labels.view(rows, window, columns, window).transpose(1, 2).flatten(2)
    return (cut[..., None] != cut[..., None, :]) * -100.0


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (3, 1), (2, 4)])
@pytest.mark.parametrize("shift", [2, 3])
def test_borders_are_those_of_the_nine_regions(rows: int, columns: int, shift: int) -> None:
    logits = torch.zeros(2, rows, columns, 3, 16, 16)
    separate_borders(logits, 4, shift, bottom=True)
    expected = region_mask(rows, columns, 4, shift)[None, :, :, None].expand_as(logits)
    assert torch.equal(logits, expected)
    upper = torch.zeros(2, rows, columns, 3, 16, 16)
    separate_borders(upper, 4, shift, bottom=False)
    expected = region_mask(rows + 1, columns, 4, shift)[None, :-1, :, None].expand_as(upper)
    assert torch.equal(upper, expected)


def test_every_parameter_gets_a_gradient() -> None:
    network = small(drop_path=0.0).train()
    network(torch.rand(2, 6, 32, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()), name


def test_stochastic_depth_rises_to_the_bottleneck_and_falls_again() -> None:
    with torch.device("meta"):
        network = uformer.build()
    drops = [block.drop for stage in network.stages for block in stage]
    np.testing.assert_allclose(drops[:19], np.linspace(0, 0.1, 19), atol=1e-7)
    assert drops[19:21] == [0.1, 0.1]
    np.testing.assert_allclose(drops[21:], drops[18::-1], atol=1e-7)


def test_stochastic_depth_leaves_out_branches_of_single_images_in_training_only() -> None:
    block = small(drop_path=0.5).stages[2][0]
    assert block.drop == 0.5
    branch = torch.ones(4000, 1, 1, 1)
    assert torch.equal(block._dropped(branch), branch)
    block.train()
    dropped = block._dropped(branch)
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert abs(float(dropped.mean()) - 1) < 0.1
    torch.manual_seed(1)
    with torch.no_grad():
        first = block(torch.rand(1, 8, 8, 32).expand(8, -1, -1, -1))
    assert len({float(image.sum()) for image in first}) > 1


def test_mixed_precision_is_finite() -> None:
    network, x = small(), torch.rand(1, 6, 21, 64)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        output = network(x)
    assert bool(torch.isfinite(output).all())
    assert (output.float() - plain(network, x)).abs().max() < 0.2 * plain(network, x).std()


def test_memory_layout_does_not_matter() -> None:
    network, x = small(), torch.rand(2, 6, 21, 64)
    usual = pieces(network, x)
    last = network.to(memory_format=torch.channels_last)
    found = pieces(last, x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, usual, rtol=1e-5, atol=2e-5)


def test_initialization() -> None:
    torch.manual_seed(0)
    network = uformer.build()
    block = network.stages[5][0]
    for linear in (block.attention.to_q, block.feed_forward.linear1):
        assert float(linear.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        assert not linear.bias.any()
    assert float(block.attention.bias_table.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert float(block.attention.modulator.detach().std()) == pytest.approx(1, rel=0.05)
    assert [stage[0].attention.modulator is None for stage in network.stages] == [True] * 5 + [
        False
    ] * 4


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"depths": (1, 2, 1, 1)}, "same odd length"),
        ({"num_heads": (3, 2, 2, 2, 1)}, "8 channels cannot have 3 num_heads"),
        ({"img_size": 30}, "img_size 30 is not a multiple of 4"),
        ({"padding": "mirror"}, "padding must be one of square, rectangle"),
    ],
)
def test_refused_arguments(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        small(**arguments)


def test_refused_input() -> None:
    with pytest.raises(ValueError, match=r"expected \[B, 6, H, W\], got \(1, 3, 8, 8\)"):
        small()(torch.rand(1, 3, 8, 8))


def test_a_nominal_side_below_the_window_makes_it_the_window() -> None:
    network = small(img_size=16)
    assert network.stages[2][0].attention.window == 4
    x = torch.rand(1, 6, 32, 64)
    torch.testing.assert_close(pieces(network, x), plain(network, x), rtol=1e-5, atol=2e-5)


def test_the_authors_names_are_all_used_and_nothing_else() -> None:
    state = official_state("uformer_b", rule)
    with torch.device("meta"):
        network = uformer.build()
    own = {uformer.official_name(key): list(v.shape) for key, v in network.state_dict().items()}
    assert own == {key: list(value.shape) for key, value in state.items()}


def test_wrapped_names_and_index_buffers_load_too() -> None:
    network = small()
    state = {
        f"module.{uformer.official_name(key, 2)}": value.numpy()
        for key, value in network.state_dict().items()
    }
    state["module.conv.blocks.0.attn.relative_position_index"] = np.zeros((64, 64), np.int64)
    loaded = uformer.load_official(state, **NARROW).eval()
    x = torch.rand(1, 6, 32, 32)
    assert torch.equal(pieces(loaded, x), pieces(network, x))


def test_registered() -> None:
    method = get_method("uformer-b")
    assert (method.views, method.input_bits) == (("left", "right"), 16)
    assert method.entry.row == "Uformer-B"
    assert "CVPR 2022" in method.declaration.citation
