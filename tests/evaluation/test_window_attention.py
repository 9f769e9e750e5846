"""Multiplications of window attention, counted on the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.evaluation.window_attention import WindowAttentionCount, count_window_attention
from pipeline.methods import get_method


def equation_8(count: WindowAttentionCount) -> int:
    """The paper's cost of window attention, for whole windows."""
    n, c = count.padded_tokens, count.channels
    return 4 * n * c**2 + 2 * count.window**2 * n * c


@pytest.mark.parametrize("kernel", ["fused", "plain"])
@pytest.mark.parametrize(
    ("size", "tokens", "padded"),
    [((128, 192), 32 * 48, 32 * 48), ((80, 144), 20 * 36, 24 * 40)],
)
def test_equation_8_counts_whole_windows(
    kernel: str, size: tuple[int, int], tokens: int, padded: int
) -> None:
    network = get_method("dmtnet-t").build(kernel=kernel).to("meta")
    count = count_window_attention(network, 6, *size)
    assert count is not None
    assert (count.tokens, count.padded_tokens) == (tokens, padded)
    assert (count.channels, count.window) == (96, 8)
    assert count.macs == equation_8(count)


def test_a_network_without_blocks_has_no_count() -> None:
    assert count_window_attention(nn.Conv2d(6, 3, 3), 6, 32, 32) is None


def test_blocks_that_differ_are_refused() -> None:
    network = get_method("dmtnet-t").build().to("meta")
    block = network.extraction.blocks[0]  # type: ignore[union-attr,index]
    block.attention.projection = nn.Sequential(  # type: ignore[union-attr]
        nn.Linear(96, 96, device="meta"), nn.Linear(96, 96, device="meta")
    )
    with pytest.raises(ValueError, match="2 different amounts"):
        count_window_attention(network, 6, 64, 64)


def test_counting_leaves_the_generator_alone() -> None:
    network = get_method("dmtnet-t").build().to("meta")
    before = torch.get_rng_state()
    count_window_attention(network, 6, 64, 64)
    assert torch.equal(before, torch.get_rng_state())
