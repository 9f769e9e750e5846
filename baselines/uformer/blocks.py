"""The LeWin block of Uformer (section 3.2), on features `[B, H, W, C]`.

In inference, attention and feed-forward network are computed for one band of rows at a time
(`baselines._shared.row_bands`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.row_bands import band_rows, depthwise_bands, is_piecewise
from baselines._shared.shifted_windows import relative_index, separate_borders, windows_of


class WindowAttention(nn.Module):
    """Multi-head self-attention in windows with a relative position bias (section 3.2).

    Args:
        channels: C, a multiple of `heads`.
        heads: number of heads, each of C / heads consecutive channels.
        window: side of a window in tokens.
        shift: number of tokens by which the map is rolled before it is cut into windows.
        modulated: whether to add a learned table to the tokens of every window.
    """

    index: Tensor

    def __init__(
        self, channels: int, heads: int, window: int, shift: int, *, modulated: bool
    ) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.to_q = nn.Linear(channels, channels)
        self.to_kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        self.modulator = nn.Parameter(torch.randn(window**2, channels)) if modulated else None
        self.register_buffer("index", relative_index(window), persistent=False)

    def forward(self, windows: Tensor, *, bottom: bool = True) -> Tensor:
        """Attend within each window.

        Args:
            windows: `[B, rows, columns, window, window, C]`, the windows of a shifted map or whole
                rows of them.
            bottom: whether these include the last row of windows of the map.

        Returns:
            The same shape.
        """
        grid, size = windows.shape[:3], self.window
        tokens = windows.reshape(-1, size**2, windows.shape[-1])
        if self.modulator is not None:
            tokens = tokens + self.modulator
        query = self.to_q(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.to_kv(tokens).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.bias_table[self.index].permute(2, 0, 1).to(query)
        if is_piecewise(tokens):
            bias = bias.repeat(len(tokens) if self.shift else 1, 1, 1, 1)
            self._separate(bias, grid, bottom=bottom)
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        else:
            logits = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)
            logits += bias
            self._separate(logits, grid, bottom=bottom)
            mixed = logits.softmax(dim=-1) @ value
        return self.proj(mixed.transpose(1, 2).flatten(2)).view(windows.shape)

    def _separate(self, logits: Tensor, grid: Sequence[int], *, bottom: bool) -> None:
        if self.shift:
            on_grid = logits.view(*grid, *logits.shape[1:])
            separate_borders(on_grid, self.window, self.shift, bottom=bottom)


class FeedForward(nn.Module):
    """LeFF, locally-enhanced feed-forward network (section 3.2): the convolution sees the map."""

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        hidden = ratio * channels
        self.linear1 = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.linear2 = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[B, H, W, C]` to the same shape."""
        hidden = functional.gelu(self.linear1(tokens)).permute(0, 3, 1, 2)
        return self.linear2(functional.gelu(self.depthwise(hidden)).permute(0, 2, 3, 1))


class Block(nn.Module):
    """LeWin block: x + attention(norm(x)), then x + LeFF(norm(x)); LayerNorm eps 1e-5.

    Args:
        channels: C.
        heads: heads of the attention.
        window: side of a window in tokens.
        shift: see `WindowAttention`.
        modulated: see `WindowAttention`.
        ratio: hidden width of LeFF over C.
        drop: probability of dropping a branch for one image, in training.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        window: int,
        shift: int,
        *,
        modulated: bool,
        ratio: int,
        drop: float,
    ) -> None:
        super().__init__()
        self.window, self.shift, self.drop = window, shift, drop
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, window, shift, modulated=modulated)
        self.norm2 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, ratio)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[B, H, W, C]`, overwritten in piecewise inference, to the same shape."""
        if is_piecewise(tokens) and not self.training:
            for image in tokens.chunk(len(tokens)):
                self._attend_in_bands(image)
                self._feed_forward_in_bands(image)
            return tokens
        rolled = self.norm1(tokens).roll((-self.shift, -self.shift), (1, 2))
        attended = self.attention(windows_of(rolled, self.window))
        # Its rows and columns of windows become those of the map again.
        rolled = attended.transpose(2, 3).reshape(tokens.shape)
        tokens = tokens + self._dropped(rolled.roll((self.shift, self.shift), (1, 2)))
        return tokens + self._dropped(self.feed_forward(self.norm2(tokens)))

    def _dropped(self, branch: Tensor) -> Tensor:
        if not self.training or not self.drop:
            return branch
        kept = torch.rand(branch.shape[0], 1, 1, 1, device=branch.device) >= self.drop
        return branch * (kept.to(branch) / (1 - self.drop))

    def _attend_in_bands(self, image: Tensor) -> None:
        height, width, channels = image.shape[1:]
        # The widest features are queries, keys and values, or the logits.
        wide = max(3 * channels, self.attention.heads * self.window**2)
        rows, shift = band_rows(image, wide * width, self.window), self.shift
        for start in range(shift, height + shift, rows):
            stop = min(start + rows, height + shift)
            pieces = [image[:, start : min(stop, height)]]
            if stop > height:
                pieces.append(image[:, :shift])
            # Without a shift, the windows are a view of the image.
            band = torch.cat(pieces, dim=1).roll(-shift, 2) if shift else pieces[0]
            windows = windows_of(band, self.window)
            windows += self.attention(self.norm1(windows), bottom=stop == height + shift)
            if shift:
                heights = [piece.shape[1] for piece in pieces]
                for piece, part in zip(pieces, torch.split(band, heights, dim=1), strict=True):
                    piece[:, :, shift:] = part[:, :, :-shift]
                    piece[:, :, :shift] = part[:, :, -shift:]

    def _feed_forward_in_bands(self, image: Tensor) -> None:
        inner = self.feed_forward
        channels = image.shape[-1]

        def hidden(pixels: Tensor, out: Tensor) -> None:
            torch.addmm(inner.linear1.bias, self.norm2(pixels), inner.linear1.weight.T, out=out)
            torch.ops.aten.gelu_(out)

        for rows, done in depthwise_bands(
            image, hidden, inner.depthwise.weight, inner.depthwise.bias
        ):
            target = image[:, rows].view(-1, channels)
            target += inner.linear2.bias
            target.addmm_(torch.ops.aten.gelu_(done).flatten(0, 2), inner.linear2.weight.T)
