"""Attention in windows of a map shifted by half a window (Liu et al., ICCV 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

_APART = -100.0


def windows_of(tokens: Tensor, window: int) -> Tensor:
    """The windows of a map, without a copy.

    Args:
        tokens: `[B, H, W, C]`; H and W are multiples of `window`.
        window: side of a window.

    Returns:
        `[B, H / window, W / window, window, window, C]`, a view.
    """
    batch, height, width, channels = tokens.shape
    grid = (height // window, window, width // window, window)
    return tokens.view(batch, *grid, channels).transpose(2, 3)


def relative_index(window: int) -> Tensor:
    """Row of the relative position bias table for every pair of tokens in a window.

    Returns:
        int64 `[window**2, window**2]`: `(yi - yj + window - 1) * (2 window - 1) + xi - xj +
        window - 1` for tokens i and j, row-major.
    """
    place = torch.arange(window**2)
    row, column = place // window, place % window
    down = row[:, None] - row[None, :] + window - 1
    across = column[:, None] - column[None, :] + window - 1
    return down * (2 * window - 1) + across


def separate_borders(logits: Tensor, window: int, shift: int, *, bottom: bool) -> None:
    """Add -100, in place, for pairs of tokens that only the cyclic shift brings together.

    They are in the last row and the last column of windows, where the last `shift` tokens come
    from the opposite border of the map.

    Args:
        logits: `[B, rows, columns, heads, window**2, window**2]` of whole rows of windows.
        window: side of a window.
        shift: number of tokens the map was rolled up and to the left; less than `window`.
        bottom: whether the last of these rows is the last row of the map.
    """
    place = torch.arange(window**2, device=logits.device)
    wrapped_row, wrapped_column = (
        part >= window - shift for part in (place // window, place % window)
    )
    rows, columns = (mark[:, None] != mark[None, :] for mark in (wrapped_row, wrapped_column))
    logits[:, :, -1] += columns.to(logits) * _APART
    if bottom:
        logits[:, -1, :-1] += rows.to(logits) * _APART
        logits[:, -1, -1] += (rows & ~columns).to(logits) * _APART
