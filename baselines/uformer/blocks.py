"""The LeWin block of Uformer (section 3.2), on features `[B, H, W, C]`.

In inference, attention and feed-forward network are computed for one band of rows at a time
(`baselines._shared.row_bands`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.row_bands import band_rows, depthwise_bands, is_piecewise
from baselines._shared.shifted_windows import relative_index, separate_borders


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
        self.scale = (channels // heads) ** -0.5
        self.to_q = nn.Linear(channels, channels)
        self.to_kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        self.modulator = nn.Parameter(torch.randn(window**2, channels)) if modulated else None
        self.register_buffer("index", relative_index(window), persistent=False)

    def forward(self, rolled: Tensor, *, bottom: bool = True) -> Tensor:
        """Attend within each window.

        Args:
            rolled: `[B, H, W, C]`, a shifted map or whole rows of its windows.
            bottom: whether these include the last rows of the map.

        Returns:
            The same shape.
        """
        size = self.window
        batch, height, width, channels = rolled.shape
        grid = (batch, height // size, width // size)
        cut = (*grid[:2], size, grid[2], size, channels)
        windows = rolled.view(cut).transpose(2, 3).reshape(-1, size**2, channels)
        if self.modulator is not None:
            windows = windows + self.modulator
        query = self.to_q(windows).mul(self.scale).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys_values = self.to_kv(windows).unflatten(-1, (2, self.heads, -1))
        key, value = keys_values.permute(2, 0, 3, 1, 4)
        logits = query @ key.transpose(-2, -1)
        logits += self.bias_table[self.index].permute(2, 0, 1).to(logits)
        if self.shift:
            on_grid = logits.view(*grid, *logits.shape[1:])
            separate_borders(on_grid, size, self.shift, bottom=bottom)
        mixed = logits.softmax(dim=-1) @ value
        projected = self.proj(mixed.transpose(1, 2).reshape(windows.shape))
        back = (*grid, size, size, channels)
        return projected.view(back).transpose(2, 3).reshape(rolled.shape)


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
        attended = self.attention(rolled).roll((self.shift, self.shift), (1, 2))
        tokens = tokens + self._dropped(attended)
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
        rows = band_rows(image, wide * width, self.window)
        for start in range(self.shift, height + self.shift, rows):
            stop = min(start + rows, height + self.shift)
            pieces = [image[:, start : min(stop, height)]]
            if stop > height:
                pieces.append(image[:, : self.shift])
            band = torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0]
            band = self.norm1(band).roll(-self.shift, 2) if self.shift else self.norm1(band)
            done = self.attention(band, bottom=stop == height + self.shift)
            if self.shift:
                done = done.roll(self.shift, 2)
            for piece, part in zip(
                pieces, done.split([piece.shape[1] for piece in pieces], dim=1), strict=True
            ):
                piece += part

    def _feed_forward_in_bands(self, image: Tensor) -> None:
        inner = self.feed_forward
        channels = image.shape[-1]

        def hidden(band: Tensor) -> Tensor:
            return functional.gelu(inner.linear1(self.norm2(band)))

        for rows, done in depthwise_bands(
            image, hidden, inner.depthwise.weight, inner.depthwise.bias
        ):
            target = image[:, rows].view(-1, channels)
            target += inner.linear2(functional.gelu(done)).view(-1, channels)
