"""Restormer transcribed literally from its publication, the reference of `benchmarks.transformers`.

Elementary operations, step by step. Weights by the authors' names; only the published widths and
depths.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

State = Mapping[str, Tensor]
HEADS = {"1": 1, "2": 2, "3": 4}
BLOCKS = {"encoder": {"1": 4, "2": 6, "3": 6}, "decoder": {"1": 4, "2": 6, "3": 6}}


def literal_restormer(state: State, x: Tensor) -> Tensor:
    """`[B, 6, H, W]`, H and W multiples of 8, to `[B, 3, H, W]`."""
    embedded = conv(state, "patch_embed.proj", x)
    first = encoder(state, "1", embedded)
    second = encoder(state, "2", down(state, "down1_2", first))
    third = encoder(state, "3", down(state, "down2_3", second))
    latent = stage(state, "latent", down(state, "down3_4", third), 8, 8)
    joined = torch.cat([up(state, "up4_3", latent), third], dim=1)
    out = decoder(state, "3", conv(state, "reduce_chan_level3", joined))
    joined = torch.cat([up(state, "up3_2", out), second], dim=1)
    out = decoder(state, "2", conv(state, "reduce_chan_level2", joined))
    out = decoder(state, "1", torch.cat([up(state, "up2_1", out), first], dim=1))
    out = stage(state, "refinement", out, 4, 1)
    return conv(state, "output", out + conv(state, "skip_conv", embedded))


def encoder(state: State, level: str, x: Tensor) -> Tensor:
    return stage(state, f"encoder_level{level}", x, BLOCKS["encoder"][level], HEADS[level])


def decoder(state: State, level: str, x: Tensor) -> Tensor:
    return stage(state, f"decoder_level{level}", x, BLOCKS["decoder"][level], HEADS[level])


def stage(state: State, name: str, x: Tensor, blocks: int, heads: int) -> Tensor:
    for index in range(blocks):
        block = f"{name}.{index}"
        x = x + attention(state, f"{block}.attn", norm(state, f"{block}.norm1", x), heads)
        x = x + feed_forward(state, f"{block}.ffn", norm(state, f"{block}.norm2", x))
    return x


def norm(state: State, name: str, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    pixels = x.flatten(2).transpose(1, 2)
    mean = pixels.mean(-1, keepdim=True)
    variance = pixels.var(-1, keepdim=True, unbiased=False)
    scaled = (pixels - mean) / torch.sqrt(variance + 1e-5)
    scaled = scaled * state[f"{name}.body.weight"] + state[f"{name}.body.bias"]
    return scaled.transpose(1, 2).view(batch, channels, height, width)


def attention(state: State, name: str, x: Tensor, heads: int) -> Tensor:
    batch, channels, height, width = x.shape
    qkv = depthwise(state, f"{name}.qkv_dwconv", conv(state, f"{name}.qkv", x))
    query, key, value = (
        part.reshape(batch, heads, channels // heads, height * width)
        for part in qkv.chunk(3, dim=1)
    )
    query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
    weights = (query @ key.transpose(-2, -1)) * state[f"{name}.temperature"]
    mixed = weights.softmax(dim=-1) @ value
    return conv(state, f"{name}.project_out", mixed.reshape(x.shape))


def feed_forward(state: State, name: str, x: Tensor) -> Tensor:
    hidden = depthwise(state, f"{name}.dwconv", conv(state, f"{name}.project_in", x))
    gate, value = hidden.chunk(2, dim=1)
    return conv(state, f"{name}.project_out", functional.gelu(gate) * value)


def conv(state: State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)


def depthwise(state: State, name: str, x: Tensor) -> Tensor:
    return functional.conv2d(x, state[f"{name}.weight"], padding=1, groups=x.shape[1])


def down(state: State, name: str, x: Tensor) -> Tensor:
    return functional.pixel_unshuffle(conv(state, f"{name}.body.0", x), 2)


def up(state: State, name: str, x: Tensor) -> Tensor:
    return functional.pixel_shuffle(conv(state, f"{name}.body.0", x), 2)
