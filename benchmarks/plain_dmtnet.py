"""DMTNet transcribed literally from its paper, the reference of `benchmarks.dmtnet`.

Elementary eager operations on contiguous maps, step by step. Weights by the network's names; only
windows without shift.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

State = Mapping[str, Tensor]
NUM_HEADS, WINDOW, MULTIPLE = 3, 8, 16


def plain_state(state: State) -> dict[str, Tensor]:
    """The same weights, in contiguous memory."""
    return {name: value.contiguous() for name, value in state.items()}


def plain_dmtnet(state: State, x: Tensor) -> Tensor:
    """`[B, 6, H, W]` to `[B, 3, H, W]`; `state` determines the number of blocks and modules."""
    height, width = x.shape[-2:]
    pad = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
    shallow = conv(state, "reduction", extraction(state, functional.pad(x, pad, mode="reflect")))
    features, steps = shallow, count(state, "dmssrms")
    for step in range(steps):
        features = dmssrm(state, f"dmssrms.{step}", features)
    if steps:
        features = conv(state, "bottleneck", features) + shallow
    return head(state, features)[..., :height, :width].contiguous()


def count(state: State, name: str) -> int:
    """Number of numbered children of `name`."""
    return len({key[len(name) + 1 :].split(".")[0] for key in state if key.startswith(f"{name}.")})


def extraction(state: State, x: Tensor) -> Tensor:
    name = "extraction.patches"
    weight, bias = (state[f"{name}.embedding.{part}"] for part in ("weight", "bias"))
    patches = functional.conv2d(x, weight, bias, stride=weight.shape[-1])
    tokens = norm(state, f"{name}.norm", patches.permute(0, 2, 3, 1).contiguous())
    for block in range(count(state, "extraction.blocks")):
        name = f"extraction.blocks.{block}"
        normed = norm(state, f"{name}.attention_norm", tokens)
        tokens = tokens + attention(state, f"{name}.attention", normed)
        tokens = tokens + mlp(state, f"{name}.mlp", norm(state, f"{name}.mlp_norm", tokens))
    return tokens.permute(0, 3, 1, 2).contiguous()


def norm(state: State, name: str, tokens: Tensor) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return functional.layer_norm(tokens, weight.shape, weight, bias)


def attention(state: State, name: str, tokens: Tensor) -> Tensor:
    batch, height, width, channels = tokens.shape
    padded = functional.pad(tokens, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))
    rows, columns = padded.shape[1] // WINDOW, padded.shape[2] // WINDOW
    windows = padded.view(batch, rows, WINDOW, columns, WINDOW, channels).transpose(2, 3)
    windows = windows.reshape(-1, WINDOW**2, channels)
    qkv = functional.linear(windows, state[f"{name}.qkv.weight"])
    query, key, value = (
        part.reshape(-1, WINDOW**2, NUM_HEADS, channels // NUM_HEADS).transpose(1, 2).contiguous()
        for part in qkv.chunk(3, dim=-1)
    )
    logits = query @ key.transpose(-2, -1) / (channels // NUM_HEADS) ** 0.5
    weights = (logits + position_bias(state[f"{name}.relative_bias"])).softmax(dim=-1)
    mixed = (weights.to(value.dtype) @ value).transpose(1, 2).reshape(windows.shape)
    mixed = linear(state, f"{name}.projection", mixed)
    mixed = mixed.view(batch, rows, columns, WINDOW, WINDOW, channels).transpose(2, 3)
    return mixed.reshape(padded.shape)[:, :height, :width].contiguous()


def position_bias(table: Tensor) -> Tensor:
    """`[(2 W - 1)^2, heads]` to `[heads, W^2, W^2]`."""
    axis = torch.arange(WINDOW, device=table.device)
    offset = axis[:, None] - axis[None, :] + WINDOW - 1
    index = offset[:, None, :, None] * (2 * WINDOW - 1) + offset[None, :, None, :]
    return table[index.reshape(WINDOW**2, WINDOW**2)].permute(2, 0, 1).contiguous()


def mlp(state: State, name: str, tokens: Tensor) -> Tensor:
    return linear(state, f"{name}.2", functional.gelu(linear(state, f"{name}.0", tokens)))


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def dmssrm(state: State, name: str, x: Tensor) -> Tensor:
    """Eq. 14 to 16."""
    pooled = x.mean((2, 3), keepdim=True)
    weights = conv(state, f"{name}.selection.score", pooled).softmax(dim=1)
    total = x
    for scale in range(count(state, f"{name}.scales")):
        total = total + weights[:, scale, None] * branch(state, f"{name}.scales.{scale}", x, scale)
    return conv(state, f"{name}.fusion", total)


def branch(state: State, name: str, x: Tensor, scale: int) -> Tensor:
    if not scale:
        return group(state, f"{name}.rgm", x)
    small = conv(state, f"{name}.down.1", functional.pixel_unshuffle(x, 2**scale))
    return functional.pixel_shuffle(
        conv(state, f"{name}.up.0", group(state, f"{name}.rgm", small)), 2**scale
    )


def group(state: State, name: str, x: Tensor) -> Tensor:
    """An RGM of RBMs of RMs; each level ends with a convolution and a residual."""
    hidden, last = x, count(state, f"{name}.body") - 1
    for index in range(last):
        hidden = block_module(state, f"{name}.body.{index}", hidden)
    return x + conv(state, f"{name}.body.{last}", hidden)


def block_module(state: State, name: str, x: Tensor) -> Tensor:
    hidden, last = x, count(state, f"{name}.body") - 1
    for index in range(last):
        module = f"{name}.body.{index}.body"
        inner = prelu(state, f"{module}.1", conv(state, f"{module}.0", hidden))
        hidden = hidden + conv(state, f"{module}.2", inner)
    return x + conv(state, f"{name}.body.{last}", hidden)


def prelu(state: State, name: str, x: Tensor) -> Tensor:
    return functional.prelu(x, state[f"{name}.weight"])


def head(state: State, x: Tensor) -> Tensor:
    """Twice convolution, PReLU in variant T and pixel shuffle, then a 1x1 convolution."""
    step = 3 if "head.1.weight" in state else 2
    for layer in (0, step):
        x = conv(state, f"head.{layer}", x)
        if step == 3:
            x = prelu(state, f"head.{layer + 1}", x)
        x = functional.pixel_shuffle(x, 2)
    return conv(state, f"head.{2 * step}", x)


def conv(state: State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return functional.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)
