"""MRNet's surrogate: the published size and cost, and the two facts about its structure."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from baselines.mrnet import SURROGATE, MRNet, build
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.methods import get_method

NARROW = {"channels": 8, "num_msrgm": 2, "num_rbm": 1, "num_rm": 1}


def narrow(seed: int = 0, **changes: Any) -> MRNet:
    torch.manual_seed(seed)
    return build(**{**NARROW, **changes}).eval()


def test_the_budget() -> None:
    with torch.device("meta"):
        network = build()
    counts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in network.named_children()
    }
    encoder, pyramid, fusions, refinement = 75_648, 73_856, 147_584, 110_784
    assert counts["alignment"] == encoder + pyramid + fusions + refinement
    assert counts["msrgms"] == 4 * (11_891_097 - 195)
    assert counts["head"] == 297_155
    assert sum(counts.values()) == 48_268_635
    assert flops_paper(network, 6, 1120, 1680) / 1e9 == pytest.approx(2597.56, abs=5e-3)


def test_it_says_what_it_is() -> None:
    method = get_method("mrnet")
    assert method.surrogate == SURROGATE
    assert method.entry.row == "MRNet"
    assert get_method("dmtnet-h").surrogate is None
    assert method.declaration.load_official is None


@torch.no_grad()
def test_the_pyramid_is_siamese() -> None:
    network, calls = narrow(), []
    network.alignment.features.register_forward_hook(lambda *_: calls.append(1))
    x = torch.rand(1, 6, 48, 64)
    network(x)
    assert len(calls) == 2
    left, right = x.chunk(2, dim=1)
    for mine, other in zip(
        network.alignment.features(left), network.alignment.features(right), strict=True
    ):
        assert mine.shape == other.shape == (1, 8, 12, 16)
        assert not torch.equal(mine, other)


@torch.no_grad()
def test_both_views_matter_and_are_distinguished() -> None:
    network, x = narrow(), torch.rand(1, 6, 48, 64)
    swapped = torch.cat((x[:, 3:], x[:, :3]), dim=1)
    correction, other = (network(y) - 0.5 * (x[:, :3] + x[:, 3:]) for y in (x, swapped))
    assert not torch.allclose(correction, other, atol=1e-5)
    for half in (slice(0, 3), slice(3, 6)):
        changed = x.clone()
        changed[:, half] = changed[:, half].flip(3)
        mean = 0.5 * (changed[:, :3] + changed[:, 3:])
        assert not torch.allclose(network(changed) - mean, correction, atol=1e-5)


@torch.no_grad()
def test_the_groups_are_summed_and_skipped_around() -> None:
    network, x = narrow(), torch.rand(1, 6, 48, 64)
    aligned = network.alignment(*x.chunk(2, dim=1))
    expected = aligned
    for msrgm in network.msrgms:
        expected = msrgm.fusion(expected + sum(scale(expected) for scale in msrgm.scales))
    expected = network.head(expected + aligned) + 0.5 * (x[:, :3] + x[:, 3:])
    torch.testing.assert_close(network(x), expected)


@torch.no_grad()
@pytest.mark.parametrize("size", [(48, 64), (33, 47), (16, 17), (5, 9), (1, 1)])
def test_any_size_is_padded_and_cropped(size: tuple[int, int]) -> None:
    network, x = narrow(), torch.rand(2, 6, *size)
    assert network(x).shape == (2, 3, *size)


@torch.no_grad()
def test_padding_reflects() -> None:
    network, x = narrow(), torch.rand(1, 6, 40, 56)
    wide = nn.functional.pad(x, (0, 8, 0, 8), mode="reflect")
    torch.testing.assert_close(network(x), network(wide)[..., :40, :56])


@pytest.mark.parametrize("shape", [(1, 9, 32, 32), (6, 32, 32)])
def test_another_input_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \[B, 6, H, W\], got"):
        narrow()(torch.rand(shape))
