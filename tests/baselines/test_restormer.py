"""Restormer against the authors' program, its published size and cost, and in pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.golden_weights import Floats, by_fan_in, golden, official_state, uniform
from torch import Tensor, nn

from baselines import restormer
from baselines._shared import row_bands
from pipeline.config.methods import MethodEntry
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.methods import Method, get_method

PARAMETERS = 26_132_548
MACS = {"conv": 4_059_078_307_200, "matmul": 398_838_988_800}
MACS_256 = 155_268_956_160
NARROW = {"embed_dim": 8, "num_blocks": (1, 2, 1, 1), "num_refinement_blocks": 1}


def rule(key: str, numbers: Floats) -> Floats:
    return 1 + 0.1 * numbers if key.endswith("temperature") else by_fan_in(key, numbers)


@pytest.fixture(scope="module")
def official() -> nn.Module:
    return get_method("restormer").load_official(official_state("restormer", rule)).eval()


@pytest.fixture
def narrow() -> nn.Module:
    torch.manual_seed(0)
    network = restormer.build(**NARROW).eval()
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


@pytest.mark.parametrize("way", [plain, pieces])
def test_output_of_the_authors_program(official: nn.Module, way: object) -> None:
    wanted = golden("restormer")
    x = torch.from_numpy(uniform(wanted["input_seed"], tuple(wanted["input_shape"])))
    assert callable(way)
    found = way(official, x).numpy()
    np.testing.assert_allclose(found, wanted["output"], rtol=0, atol=1e-4)


def test_size_and_cost_as_published(official: nn.Module) -> None:
    assert sum(parameter.numel() for parameter in official.parameters()) == PARAMETERS
    assert flops_fvcore(official, 6, 1120, 1680).by_operator == MACS
    assert flops_fvcore(official, 6, 256, 256).total == MACS_256
    with torch.device("meta"):
        outline = restormer.build()
    # 4059.08 G in Table 1: convolutions only.
    assert flops_paper(outline, 6, 1120, 1680) == MACS["conv"]


@pytest.mark.slow
def test_a_direct_count_at_256(official: nn.Module) -> None:
    assert flops_fvcore(official, 6, 256, 256, fit=False).total == MACS_256


@pytest.mark.parametrize("size", [(1, 1), (3, 21), (8, 8), (13, 16), (37, 50), (5, 70)])
@pytest.mark.parametrize("batch", [1, 2])
def test_pieces_are_the_whole(
    narrow: nn.Module, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], batch: int
) -> None:
    monkeypatch.setattr(row_bands, "_CPU_VALUES", 0)
    x = torch.rand(batch, 6, *size)
    before = x.clone()
    whole, banded = plain(narrow, x), pieces(narrow, x)
    assert banded.shape == (batch, 3, *size)
    assert torch.equal(x, before)
    torch.testing.assert_close(banded, whole, rtol=1e-5, atol=2e-5)


def test_sides_are_padded_by_reflection_and_with_zeros_where_too_short(narrow: nn.Module) -> None:
    x = torch.rand(1, 6, 3, 13)
    by_hand = torch.cat([x, x[..., [11, 10, 9]]], dim=3)
    by_hand = torch.cat([by_hand, torch.zeros(1, 6, 5, 16)], dim=2)
    torch.testing.assert_close(pieces(narrow, x), pieces(narrow, by_hand)[..., :3, :13])


def test_images_of_a_batch_do_not_mix(narrow: nn.Module) -> None:
    x = torch.rand(3, 6, 24, 16)
    each = torch.cat([plain(narrow, image) for image in x.split(1)])
    torch.testing.assert_close(plain(narrow, x), each, rtol=1e-5, atol=2e-5)


def test_every_parameter_gets_a_gradient(narrow: nn.Module) -> None:
    narrow.train()(torch.rand(2, 6, 16, 24)).square().mean().backward()
    for name, parameter in narrow.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()), name


def test_mixed_precision_is_finite(narrow: nn.Module) -> None:
    x = torch.rand(1, 6, 21, 16)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        output = narrow(x)
    assert bool(torch.isfinite(output).all())
    assert (output.float() - plain(narrow, x)).abs().max() < 0.1 * plain(narrow, x).std()


def test_queries_of_length_zero_are_no_division_by_zero(narrow: nn.Module) -> None:
    with torch.no_grad():
        narrow.encoder[1][0].attention.qkv.weight[:16] = 0
    x = torch.rand(1, 6, 16, 16)
    found = pieces(narrow, x)
    assert bool(torch.isfinite(found).all())
    torch.testing.assert_close(found, plain(narrow, x), rtol=1e-5, atol=2e-5)


def test_memory_layout_does_not_matter(narrow: nn.Module) -> None:
    x = torch.rand(2, 6, 21, 16)
    usual = pieces(narrow, x)
    last = narrow.to(memory_format=torch.channels_last)
    found = pieces(last, x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, usual, rtol=1e-5, atol=2e-5)


def test_heads_and_widths_follow_the_arguments() -> None:
    network = restormer.build()
    heads = [stage[0].attention.heads for stage in (*network.encoder, *network.decoder)]
    assert heads == [1, 2, 4, 8, 1, 2, 4]
    assert network.refinement[0].attention.heads == 1
    hidden = [stage[0].feed_forward.project_out.in_channels for stage in network.encoder]
    assert hidden == [127, 255, 510, 1021]
    norm, attention = network.refinement[0].norm1, network.refinement[0].attention
    assert bool((norm.weight == 1).all() and (norm.bias == 0).all())
    assert bool((attention.temperature == 1).all())


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"num_heads": (1, 2)}, "must have 4 entries"),
        ({"embed_dim": 9}, "embed_dim 9 is odd"),
        ({"num_heads": (1, 5, 4, 8)}, "not a multiple of its num_heads"),
    ],
)
def test_refused_arguments(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        restormer.build(**arguments)


def test_refused_input(narrow: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"expected \[B, 6, H, W\], got \(1, 3, 8, 8\)"):
        narrow(torch.rand(1, 3, 8, 8))


def test_the_authors_names_are_all_used_and_nothing_else() -> None:
    state = official_state("restormer", rule)
    with torch.device("meta"):
        network = restormer.build()
    own = {restormer.official_name(key): list(v.shape) for key, v in network.state_dict().items()}
    assert own == {key: list(value.shape) for key, value in state.items()}


def test_registered() -> None:
    method = get_method("restormer")
    assert (method.views, method.input_bits) == (("left", "right"), 16)
    assert method.entry.row == "Restormer"
    assert "CVPR 2022" in method.declaration.citation
    assert "non-commercial" in method.declaration.licence
    entry = MethodEntry(module="baselines.restormer", row="X", kwargs=dict(NARROW))
    assert Method("x", entry).build().embedding.out_channels == 8
