"""Window multi-head self-attention and the transformer block (paper section 3.2, Eq. 8-11)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Kernel = Literal["fused", "plain"]


def partition(tokens: Tensor, window_size: int) -> Tensor:
    """Cut a token map into windows.

    Args:
        tokens: `[B, H, W, C]`, H and W multiples of `window_size`.
        window_size: side of a window, in tokens.

    Returns:
        `[B * windows, window_size**2, C]`.
    """
    batch, height, width, channels = tokens.shape
    rows, columns = height // window_size, width // window_size
    split = tokens.view(batch, rows, window_size, columns, window_size, channels)
    return split.transpose(2, 3).reshape(batch * rows * columns, window_size**2, channels)


def unpartition(windows: Tensor, window_size: int, height: int, width: int) -> Tensor:
    """Inverse of `partition`: `[B * windows, window_size**2, C]` to `[B, H, W, C]`."""
    rows, columns = height // window_size, width // window_size
    batch = windows.shape[0] // (rows * columns)
    split = windows.view(batch, rows, columns, window_size, window_size, windows.shape[-1])
    return split.transpose(2, 3).reshape(batch, height, width, windows.shape[-1])


def _relative_index(window_size: int) -> Tensor:
    axis = torch.arange(window_size)
    row, column = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing="ij"))
    down = row[:, None] - row[None, :] + window_size - 1
    across = column[:, None] - column[None, :] + window_size - 1
    return down * (2 * window_size - 1) + across


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows, with a learned relative position bias.

    One linear layer without bias makes queries, keys and values [F]; `num_heads` heads scaled by
    1/sqrt(head width) [P]; a table of (2 W - 1)^2 biases per head [F/C]; output projection with
    bias [P].

    Args:
        embed_dim: channels C; a multiple of `num_heads`.
        num_heads: number of heads.
        window_size: W, in tokens.
        kernel: `fused` uses PyTorch's scaled dot-product attention where it has a kernel, `plain`
            writes it out in elementary operations; both compute the same function.

    Raises:
        ValueError: `embed_dim` is not a multiple of `num_heads`.
    """

    relative_index: Tensor

    def __init__(
        self, embed_dim: int, num_heads: int, window_size: int, kernel: Kernel = "fused"
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.kernel = kernel
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.projection = nn.Linear(embed_dim, embed_dim)
        self.relative_bias = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, num_heads))
        self.register_buffer("relative_index", _relative_index(window_size), persistent=False)

    def forward(self, windows: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend within each window.

        Args:
            windows: `[B * windows, N, C]` with N = window_size**2 tokens.
            mask: `[windows, N, N]`, added to the logits; only shifted windows need one.

        Returns:
            `[B * windows, N, C]`.
        """
        count, tokens, channels = windows.shape
        qkv = self.qkv(windows).view(count, tokens, 3, self.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        # On CUDA, fused kernels read a bias only if its last stride is 1.
        bias = self.relative_bias[self.relative_index].permute(2, 0, 1).contiguous().unsqueeze(0)
        if mask is not None:
            repeats = count // mask.shape[0]
            bias = (bias + mask.unsqueeze(1)).repeat(repeats, 1, 1, 1)
        # On a CPU, no fused kernel computes a gradient for the bias, and PyTorch's fallback
        # calculates in float32 at any precision.
        half = query.dtype != torch.float32
        unfused = half and bias.requires_grad and bias.device.type == "cpu"
        if self.kernel == "fused" and not unfused:
            bias = bias.to(query.dtype)
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        else:
            scale = query.shape[-1] ** -0.5
            logits = (query * scale) @ key.transpose(-2, -1) + bias
            mixed = logits.softmax(-1, dtype=torch.float32).to(value.dtype) @ value
        return self.projection(mixed.transpose(1, 2).reshape(count, tokens, channels))


class TransformerBlock(nn.Module):
    """Pre-norm transformer block of Eq. 10 and 11.

    X <- X + Attention(LayerNorm(X)); X <- X + MLP(LayerNorm(X)). The map is zero-padded on the
    right and at the bottom to whole windows after the norm and cropped before the residual [F];
    padded positions are not masked [C]. MLP ratio 4 and GELU [F]; LayerNorm eps 1e-5 [C].

    Args:
        embed_dim: channels C.
        num_heads: attention heads.
        window_size: window side, in tokens.
        mlp_ratio: hidden width of the MLP over C.
        shift: number of tokens by which the windows are shifted; 0 gives the paper's
            non-overlapping windows [P], other values the cyclic shift of Liu et al. (ICCV 2021)
            [C].
        kernel: see `WindowAttention`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        window_size: int,
        mlp_ratio: int = 4,
        shift: int = 0,
        kernel: Kernel = "fused",
    ) -> None:
        super().__init__()
        self.window_size = window_size
        self.shift = shift
        self.attention_norm = nn.LayerNorm(embed_dim)
        self.attention = WindowAttention(embed_dim, num_heads, window_size, kernel)
        self.mlp_norm = nn.LayerNorm(embed_dim)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dim, mlp_ratio * embed_dim),
            nn.GELU(),
            nn.Linear(mlp_ratio * embed_dim, embed_dim),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map `[B, H, W, C]` tokens to tokens of the same shape, any H and W."""
        tokens = tokens + self._attend(self.attention_norm(tokens))
        return tokens + self.mlp(self.mlp_norm(tokens))

    def _attend(self, tokens: Tensor) -> Tensor:
        height, width = tokens.shape[1:3]
        size = self.window_size
        full_height, full_width = (-(-side // size) * size for side in (height, width))
        pad = (0, 0, 0, full_width - width, 0, full_height - height)
        # An exported program pads at every size, if only by nothing: it cannot branch on it.
        padding = torch.compiler.is_exporting() or any(pad)
        padded = functional.pad(tokens, pad) if padding else tokens
        mask = None
        if self.shift:
            padded = padded.roll((-self.shift, -self.shift), (1, 2))
            mask = self._shift_mask(full_height, full_width, tokens)
        windows = self.attention(partition(padded, size), mask)
        padded = unpartition(windows, size, full_height, full_width)
        if self.shift:
            padded = padded.roll((self.shift, self.shift), (1, 2))
        if torch.compiler.is_exporting():
            # The layout of a slice would depend on whether anything is cut off.
            for axis, side in ((1, height), (2, width)):
                padded = padded.index_select(axis, torch.arange(side, device=padded.device))
            return padded
        return padded[:, :height, :width]

    def _shift_mask(self, height: int, width: int, like: Tensor) -> Tensor:
        # After the cyclic shift, the last windows hold tokens from opposite borders, which must
        # not attend to each other.
        region = torch.zeros(1, height, width, 1, device=like.device)
        borders = (slice(-self.window_size), slice(-self.window_size, -self.shift))
        bands = (*borders, slice(-self.shift, None))
        for row, rows in enumerate(bands):
            for column, columns in enumerate(bands):
                region[:, rows, columns] = 3 * row + column
        labels = partition(region, self.window_size).squeeze(-1)
        differs = labels[:, :, None] != labels[:, None, :]
        return torch.zeros_like(differs, dtype=like.dtype).masked_fill(differs, -1e4)
