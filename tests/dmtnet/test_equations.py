"""The paper's equations written out a second time, in plain tensor operations.

Weights are taken from the modules, everything else is independent of them: windows become a mask
on attention among all tokens, pixel (un)shuffle becomes a permutation.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from support.miniatures import image, narrow, shaken
from torch import Tensor
from torch.nn import functional

from dmtnet import Trace
from dmtnet.attention import TransformerBlock, partition, unpartition
from dmtnet.reconstruction import DMSSRM, ResidualGroupModule

Weights = Mapping[str, Tensor]
WINDOW, HEADS = 4, 3


def norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centered = x - x.mean(-1, keepdim=True)
    return centered / (centered.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def attention_by_hand(tokens: Tensor, weights: Weights, shift: int) -> Tensor:
    """Attention among all tokens of a padded map `[H, W, C]`, masked to the windows."""
    height, width, channels = tokens.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    # A shift moves the windows; whoever wraps around must not meet those who do not.
    down, across = (rows - shift) % height, (columns - shift) % width
    labels = [down // WINDOW, across // WINDOW, rows < shift, columns < shift]
    flat = torch.stack([label.flatten() for label in labels])
    together = (flat[:, :, None] == flat[:, None, :]).all(0)
    offsets = [axis.flatten()[:, None] - axis.flatten()[None, :] for axis in (down, across)]
    offsets = [offset.clamp(1 - WINDOW, WINDOW - 1) + WINDOW - 1 for offset in offsets]
    table = weights["attention.relative_bias"].view(2 * WINDOW - 1, 2 * WINDOW - 1, HEADS)
    bias = table[offsets[0], offsets[1]]
    flat_tokens = tokens.reshape(height * width, channels)
    query, key, value = (flat_tokens @ weights["attention.qkv.weight"].T).chunk(3, 1)
    wide, mixed = channels // HEADS, []
    for head in range(HEADS):
        part = slice(head * wide, (head + 1) * wide)
        logits = query[:, part] @ key[:, part].T / wide**0.5 + bias[..., head]
        shares = logits.masked_fill(~together, -torch.inf).softmax(1)
        mixed.append(shares @ value[:, part])
    projected = torch.cat(mixed, 1) @ weights["attention.projection.weight"].T
    return (projected + weights["attention.projection.bias"]).view(tokens.shape)


def block_by_hand(tokens: Tensor, weights: Weights, shift: int) -> Tensor:
    """Eq. 10 and 11 on a map `[H, W, C]`."""
    height, width, channels = tokens.shape
    normed = norm(tokens, weights["attention_norm.weight"], weights["attention_norm.bias"])
    # Padding after the norm: padded tokens are zero, not the norm's bias.
    padded = torch.zeros(height + -height % WINDOW, width + -width % WINDOW, channels)
    padded[:height, :width] = normed
    tokens = tokens + attention_by_hand(padded, weights, shift)[:height, :width]
    hidden = norm(tokens, weights["mlp_norm.weight"], weights["mlp_norm.bias"])
    hidden = functional.gelu(hidden @ weights["mlp.0.weight"].T + weights["mlp.0.bias"])
    return tokens + hidden @ weights["mlp.2.weight"].T + weights["mlp.2.bias"]


@pytest.mark.parametrize("kernel", ["fused", "plain"])
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(8, 12), (7, 9), (3, 4), (4, 10)])
def test_transformer_block(size: tuple[int, int], shift: int, kernel: str) -> None:
    torch.manual_seed(3)
    block = TransformerBlock(12, HEADS, WINDOW, 2, shift, kernel)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    tokens = torch.randn(2, *size, 12)
    with torch.inference_mode():
        expected = torch.stack([block_by_hand(x, block.state_dict(), shift) for x in tokens])
        torch.testing.assert_close(block(tokens), expected, rtol=1e-4, atol=1e-4)


def test_windows_are_whole_tiles_of_the_map() -> None:
    tokens = torch.arange(2 * 8 * 12).view(2, 8, 12, 1)
    windows = partition(tokens, 4)
    assert windows.shape == (2 * 2 * 3, 16, 1)
    torch.testing.assert_close(windows[4].view(4, 4), tokens[0, 4:8, 4:8, 0])
    assert torch.equal(unpartition(windows, 4, 8, 12), tokens)


def unshuffle(x: Tensor, factor: int) -> Tensor:
    batch, channels, height, width = x.shape
    split = x.view(batch, channels, height // factor, factor, width // factor, factor)
    rearranged = split.permute(0, 1, 3, 5, 2, 4)
    return rearranged.reshape(batch, -1, height // factor, width // factor)


def shuffle(x: Tensor, factor: int) -> Tensor:
    batch, channels, height, width = x.shape
    split = x.view(batch, channels // factor**2, factor, factor, height, width)
    return split.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, height * factor, width * factor)


def conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    weight = weights[f"{name}.weight"]
    return functional.conv2d(x, weight, weights.get(f"{name}.bias"), padding=weight.shape[-1] // 2)


def rm_by_hand(x: Tensor, weights: Weights, name: str) -> Tensor:
    hidden = conv(x, weights, f"{name}.body.0")
    slope = weights[f"{name}.body.1.weight"]
    assert slope.numel() == 1
    hidden = torch.where(hidden > 0, hidden, slope * hidden)
    return x + conv(hidden, weights, f"{name}.body.2")


def rgm_by_hand(x: Tensor, weights: Weights, name: str, rbm: int, rm: int) -> Tensor:
    hidden = x
    for block in range(rbm):
        inner = hidden
        for module in range(rm):
            inner = rm_by_hand(inner, weights, f"{name}body.{block}.body.{module}")
        hidden = hidden + conv(inner, weights, f"{name}body.{block}.body.{rm}")
    return x + conv(hidden, weights, f"{name}body.{rbm}")


def dmssrm_by_hand(x: Tensor, weights: Weights, rbm: int, rm: int) -> Tensor:
    """Eq. 14 to 16."""
    scores = conv(x.mean((2, 3), keepdim=True), weights, "selection.score")[:, :, 0, 0]
    alpha = scores.exp() / scores.exp().sum(1, keepdim=True)
    total = x.clone()
    for level in range(3):
        feature, factor = x, 2**level
        if level:
            feature = conv(unshuffle(x, factor), weights, f"scales.{level}.down.1")
        feature = rgm_by_hand(feature, weights, f"scales.{level}.rgm.", rbm, rm)
        if level:
            feature = shuffle(conv(feature, weights, f"scales.{level}.up.0"), factor)
        total += alpha[:, level].view(-1, 1, 1, 1) * feature
    return conv(total, weights, "fusion")


def test_residual_group() -> None:
    torch.manual_seed(4)
    group, x = shaken(ResidualGroupModule(8, 3, 2)), torch.randn(2, 8, 6, 10)
    with torch.inference_mode():
        expected = rgm_by_hand(x, group.state_dict(), "", 3, 2)
        torch.testing.assert_close(group(x), expected, rtol=1e-4, atol=1e-5)


def test_dmssrm() -> None:
    torch.manual_seed(5)
    dmssrm, x = shaken(DMSSRM(8, 3, 2, 2, "adaptive")), torch.randn(2, 8, 8, 12)
    with torch.inference_mode():
        expected = dmssrm_by_hand(x, dmssrm.state_dict(), 2, 2)
        torch.testing.assert_close(dmssrm(x)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("selection", "weight"), [("mean", 1 / 3), ("sum", 1.0)])
def test_dmssrm_with_fixed_weights(selection: str, weight: float) -> None:
    torch.manual_seed(6)
    dmssrm, x = shaken(DMSSRM(8, 3, 1, 1, selection)), torch.randn(2, 8, 8, 12)
    with torch.inference_mode():
        output, _, features = dmssrm(x)
        expected = conv(weight * sum(features) + x, dmssrm.state_dict(), "fusion")
        torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


def test_whole_network() -> None:
    # Neither side is a multiple of 16 pixels or of a window.
    network, x = narrow(num_rm=2), image(40, 52)
    weights = network.state_dict()
    mirrored = torch.cat([x, x[:, :, -9:-1].flip(2)], 2)
    mirrored = torch.cat([mirrored, mirrored[:, :, :, -13:-1].flip(3)], 3)
    with torch.inference_mode():
        shallow = conv(network.extraction(mirrored), weights, "reduction")
        features = shallow
        for step in range(2):
            name = f"dmssrms.{step}."
            own = {key[len(name) :]: v for key, v in weights.items() if key.startswith(name)}
            features = dmssrm_by_hand(features, own, 1, 2)
        features = conv(features, weights, "bottleneck") + shallow
        features = shuffle(conv(features, weights, "head.0"), 2)
        features = shuffle(conv(features, weights, "head.2"), 2)
        expected = conv(features, weights, "head.4")[:, :, :40, :52]
        torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)


def test_feature_extraction() -> None:
    network, x = narrow(embed_dim=12, window_size=WINDOW), image(32, 48)
    weights = network.extraction.state_dict()
    with torch.inference_mode():
        patches = unshuffle(x, 4)[0].permute(1, 2, 0)
        kernel = weights["patches.embedding.weight"].flatten(1)
        tokens = patches @ kernel.T + weights["patches.embedding.bias"]
        tokens = norm(tokens, weights["patches.norm.weight"], weights["patches.norm.bias"])
        for block in range(2):
            name = f"blocks.{block}."
            own = {key[len(name) :]: v for key, v in weights.items() if key.startswith(name)}
            tokens = block_by_hand(tokens, own, 0)
        expected = tokens.permute(2, 0, 1)[None]
        found = network.extraction(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_traced_weights_are_those_of_eq_16() -> None:
    network, x, trace = narrow(variant="s"), image(32, 48), Trace()
    with torch.inference_mode():
        network(x, trace=trace)
        shallow = network.reduction(network.extraction(x))
        score = network.dmssrms[0].selection.score
        logits = shallow.mean((2, 3)) @ score.weight[:, :, 0, 0].T + score.bias
    torch.testing.assert_close(trace.selection_weights[0], logits.softmax(1))
