"""Uformer-B transcribed literally from its publication, the reference of `benchmarks.transformers`.

Six input channels. Weights by the authors' names; square images whose sides are multiples of 128.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

State = Mapping[str, Tensor]
ENCODER, BOTTLENECK, DECODER = (1, 2, 8, 8), 2, (8, 8, 2, 1)
WINDOW, SHIFT, HEAD = 8, 4, 32


def literal_uformer(state: State, x: Tensor) -> Tensor:
    """`[B, 6, S, S]` to `[B, 3, S, S]`, with the shift of a nominal size of 256."""
    embedded = conv(state, "input_proj.proj.0", x, padding=1)
    tokens = to_tokens(functional.leaky_relu(embedded, 0.01))
    skips = []
    for level, depth in enumerate(ENCODER):
        tokens = stage(state, f"encoderlayer_{level}", tokens, depth)
        skips.append(tokens)
        halved = conv(state, f"dowsample_{level}.conv.0", to_map(tokens), padding=1, stride=2)
        tokens = to_tokens(halved)
    tokens = stage(state, "conv", tokens, BOTTLENECK)
    for level, depth in enumerate(DECODER):
        name = f"upsample_{level}.deconv.0"
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        raised = functional.conv_transpose2d(to_map(tokens), weight, bias, stride=2)
        tokens = torch.cat([to_tokens(raised), skips.pop()], dim=-1)
        tokens = stage(state, f"decoderlayer_{level}", tokens, depth)
    return conv(state, "output_proj.proj.0", to_map(tokens), padding=1)


def stage(state: State, name: str, tokens: Tensor, depth: int) -> Tensor:
    for index in range(depth):
        block = f"{name}.blocks.{index}"
        tokens = tokens + attention(state, block, norm(state, f"{block}.norm1", tokens), index)
        tokens = tokens + feed_forward(state, f"{block}.mlp", norm(state, f"{block}.norm2", tokens))
    return tokens


def attention(state: State, block: str, tokens: Tensor, index: int) -> Tensor:
    batch, length, channels = tokens.shape
    side, heads = round(length**0.5), channels // HEAD
    shift = SHIFT * (index % 2)
    tiles = tokens.view(batch, side, side, channels)
    if shift:
        tiles = torch.roll(tiles, (-shift, -shift), (1, 2))
    windows = cut(tiles)
    if f"{block}.modulator.weight" in state:
        windows = windows + state[f"{block}.modulator.weight"]
    query = linear(state, f"{block}.attn.qkv.to_q", windows)
    key, value = linear(state, f"{block}.attn.qkv.to_kv", windows).chunk(2, dim=-1)
    query, key, value = (
        part.reshape(-1, WINDOW**2, heads, HEAD).permute(0, 2, 1, 3) for part in (query, key, value)
    )
    logits = (query * HEAD**-0.5) @ key.transpose(-2, -1)
    table = state[f"{block}.attn.relative_position_bias_table"]
    logits = logits + table[relative_index()].permute(2, 0, 1).unsqueeze(0)
    if shift:
        mask = shift_mask(side)
        logits = logits.view(batch, len(mask), heads, WINDOW**2, WINDOW**2)
        logits = (logits + mask[None, :, None]).flatten(0, 1)
    mixed = (logits.softmax(dim=-1) @ value).transpose(1, 2).reshape(windows.shape)
    tiles = join(linear(state, f"{block}.attn.proj", mixed), side)
    if shift:
        tiles = torch.roll(tiles, (shift, shift), (1, 2))
    return tiles.view(batch, length, channels)


def feed_forward(state: State, name: str, tokens: Tensor) -> Tensor:
    hidden = functional.gelu(linear(state, f"{name}.linear1.0", tokens))
    weight, bias = state[f"{name}.dwconv.0.weight"], state[f"{name}.dwconv.0.bias"]
    tiles = functional.conv2d(to_map(hidden), weight, bias, padding=1, groups=len(weight))
    return linear(state, f"{name}.linear2.0", to_tokens(functional.gelu(tiles)))


def cut(tiles: Tensor) -> Tensor:
    batch, side, _, channels = tiles.shape
    count = side // WINDOW
    windows = tiles.view(batch, count, WINDOW, count, WINDOW, channels)
    return windows.permute(0, 1, 3, 2, 4, 5).reshape(-1, WINDOW**2, channels)


def join(windows: Tensor, side: int) -> Tensor:
    count, channels = side // WINDOW, windows.shape[-1]
    tiles = windows.view(-1, count, count, WINDOW, WINDOW, channels)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(-1, side, side, channels)


def relative_index() -> Tensor:
    row, column = torch.arange(WINDOW**2) // WINDOW, torch.arange(WINDOW**2) % WINDOW
    span = WINDOW - 1
    down, across = row[:, None] - row[None], column[:, None] - column[None]
    return (down + span) * (2 * WINDOW - 1) + across + span


def shift_mask(side: int) -> Tensor:
    region = torch.zeros(1, side, side, 1)
    bands = (slice(0, -WINDOW), slice(-WINDOW, -SHIFT), slice(-SHIFT, None))
    for row, rows in enumerate(bands):
        for column, columns in enumerate(bands):
            region[:, rows, columns] = 3 * row + column
    labels = cut(region).squeeze(-1)
    return (labels[:, None] != labels[:, :, None]).float() * -100.0


def to_map(tokens: Tensor) -> Tensor:
    side = round(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).view(tokens.shape[0], -1, side, side)


def to_tokens(tiles: Tensor) -> Tensor:
    return tiles.flatten(2).transpose(1, 2).contiguous()


def norm(state: State, name: str, tokens: Tensor) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return functional.layer_norm(tokens, weight.shape, weight, bias, 1e-5)


def linear(state: State, name: str, tokens: Tensor) -> Tensor:
    return functional.linear(tokens, state[f"{name}.weight"], state[f"{name}.bias"])


def conv(state: State, name: str, x: Tensor, padding: int, stride: int = 1) -> Tensor:
    return functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding)
