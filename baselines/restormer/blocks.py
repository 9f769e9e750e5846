"""The transformer block of Restormer (section 3), on features `[B, H, W, C]`.

In inference, the wide features are computed for one band of rows at a time
(`baselines._shared.row_bands`), and their widths are zero-padded to whole vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.row_bands import depthwise_bands, is_piecewise

_VECTOR = 16


def images(tokens: Tensor) -> Tensor:
    """`[B, H, W, C]` as `[B, C, H, W]`, without a copy."""
    return tokens.permute(0, 3, 1, 2)


def tokens_of(images: Tensor) -> Tensor:
    """`[B, C, H, W]` as a contiguous `[B, H, W, C]`."""
    return images.permute(0, 2, 3, 1).contiguous()


def conv(inputs: int, outputs: int, side: int, groups: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps height and width."""
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, groups=groups, bias=False)


class PixelNorm(nn.Module):
    """Layer normalization over the channels of every pixel, eps 1e-5, with weight and bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """`[..., C]` to the same shape."""
        # Not `layer_norm`: operation counters ignore this form, as they ignore the elementary
        # operations of the authors' program, which makes counts comparable to the published ones.
        normalize = torch.native_layer_norm
        return normalize(tokens, tokens.shape[-1:], self.weight, self.bias, 1e-5)[0]


class ChannelAttention(nn.Module):
    """MDTA, multi-Dconv head transposed attention (section 3.1): between channels, over pixels.

    Args:
        channels: C, a multiple of `heads`.
        heads: each of C / heads consecutive channels.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = conv(channels, 3 * channels, 1)
        self.qkv_depthwise = conv(3 * channels, 3 * channels, 3, groups=3 * channels)
        self.project_out = conv(channels, channels, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[B, H, W, C]` to the same shape."""
        features = self.qkv_depthwise(self.qkv(images(tokens)))
        qkv = features.flatten(2).unflatten(1, (3, self.heads, -1))
        query, key = (functional.normalize(qkv[:, part], dim=-1) for part in (0, 1))
        attention = (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        mixed = (attention @ qkv[:, 2]).flatten(1, 2).unflatten(2, features.shape[2:])
        return self.project_out(mixed).permute(0, 2, 3, 1)

    def add_in_bands(self, image: Tensor, norm: PixelNorm) -> None:
        """`image += self(norm(image))` for one image `[1, H, W, C]`.

        Queries and keys only enter sums over all pixels, so a band of them is enough. Attention and
        output projection combine into one C x C matrix per image.
        """
        channels = image.shape[-1]
        weight = self.qkv.weight.flatten(1).T
        value = torch.empty_like(image)
        products = image.new_zeros(self.heads, channels // self.heads, channels // self.heads)
        squares = image.new_zeros(2 * channels)
        for rows, qkv in depthwise_bands(
            image,
            lambda pixels, out: torch.mm(norm(pixels), weight, out=out),
            self.qkv_depthwise.weight,
        ):
            value[:, rows] = qkv[..., 2 * channels :]
            pairs = qkv[..., : 2 * channels].reshape(-1, 2 * channels)
            squares += pairs.square().sum(dim=0)
            query, key = pairs.view(-1, 2, self.heads, channels // self.heads).permute(1, 2, 3, 0)
            products += query @ key.transpose(1, 2)
        # `normalize` divides by a norm of at least 1e-12.
        length = squares.sqrt().clamp_min(1e-12).view(2, self.heads, -1)
        cosines = products / length[0, :, :, None] / length[1, :, None, :]
        attention = (cosines * self.temperature).softmax(dim=-1)
        project = self.project_out.weight.view(channels, self.heads, -1).transpose(0, 1)
        combined = (project @ attention).transpose(0, 1).reshape(channels, channels)
        image.view(-1, channels).addmm_(value.view(-1, channels), combined.T)


class GatedFeedForward(nn.Module):
    """GDFN, gated-Dconv feed-forward network (section 3.2), with the exact GELU.

    Args:
        channels: C.
        expansion: hidden width over C; the width is rounded down.
    """

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        hidden = int(expansion * channels)
        self.project_in = conv(channels, 2 * hidden, 1)
        self.depthwise = conv(2 * hidden, 2 * hidden, 3, groups=2 * hidden)
        self.project_out = conv(hidden, channels, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[B, H, W, C]` to the same shape."""
        gate, value = self.depthwise(self.project_in(images(tokens))).chunk(2, dim=1)
        return self.project_out(functional.gelu(gate) * value).permute(0, 2, 3, 1)

    def add_in_bands(self, image: Tensor, norm: PixelNorm) -> None:
        """`image += self(norm(image))` for one image `[1, H, W, C]`."""
        channels = image.shape[-1]
        missing = -self.project_out.in_channels % _VECTOR
        project_in = _fill_halves(self.project_in.weight.flatten(1), missing).T
        depthwise = _fill_halves(self.depthwise.weight.flatten(1), missing).view(-1, 1, 3, 3)
        project_out = functional.pad(self.project_out.weight.flatten(1), (0, missing)).T
        for rows, hidden in depthwise_bands(
            image,
            lambda pixels, out: torch.mm(norm(pixels), project_in, out=out),
            depthwise,
        ):
            gate, value = hidden.chunk(2, dim=-1)
            gated = functional.gelu(gate).mul_(value).flatten(0, 2)
            image[:, rows].view(-1, channels).addmm_(gated, project_out)


def _fill_halves(weight: Tensor, missing: int) -> Tensor:
    """Append zero rows to both halves: `[2 m, n]` to `[2 (m + missing), n]`."""
    halves = weight.view(2, weight.shape[0] // 2, weight.shape[1])
    return functional.pad(halves, (0, 0, 0, missing)).flatten(0, 1)


class Block(nn.Module):
    """Transformer block: x + MDTA(norm(x)), then x + GDFN(norm(x))."""

    def __init__(self, channels: int, heads: int, expansion: float) -> None:
        super().__init__()
        self.norm1 = PixelNorm(channels)
        self.attention = ChannelAttention(channels, heads)
        self.norm2 = PixelNorm(channels)
        self.feed_forward = GatedFeedForward(channels, expansion)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[B, H, W, C]`, overwritten in piecewise inference, to the same shape."""
        if is_piecewise(tokens):
            for image in tokens.chunk(len(tokens)):
                self.attention.add_in_bands(image, self.norm1)
                self.feed_forward.add_in_bands(image, self.norm2)
            return tokens
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.feed_forward(self.norm2(tokens))
