"""Multiplications of window attention, measured on a network (paper section 3.2, Eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

_FLOPS_PER_MAC = 2


@dataclass(frozen=True)
class WindowAttentionCount:
    """What one transformer block of a network multiplies in its attention.

    `macs`: multiply-accumulates of all its matrix products, projections included. `tokens`: of
    the map that enters the block; `padded_tokens`: of the map of whole windows. `channels`: C.
    `window`: its side W, in tokens.
    """

    macs: int
    tokens: int
    padded_tokens: int
    channels: int
    window: int


def count_window_attention(
    network: nn.Module, in_channels: int, height: int, width: int
) -> WindowAttentionCount | None:
    """Count the matrix products in the attention of a transformer block during one forward pass.

    Args:
        network: on the meta device, so that nothing is computed. Its transformer blocks are the
            modules with an `attention` and a `window_size`.
        in_channels: number of input channels.
        height: height of the input in pixels.
        width: width of the input in pixels.

    Returns:
        The counts of a block; `None` for a network without such blocks.

    Raises:
        ValueError: the blocks of the network differ.
    """
    blocks = [module for module in network.modules() if _is_block(module)]
    if not blocks:
        return None
    found: set[WindowAttentionCount] = set()

    def measure(block: Any) -> None:
        attend = block.attention.forward
        maps: list[Tensor] = []

        def attention(windows: Tensor, *rest: Any) -> Tensor:
            counter = FlopCounterMode(display=False)
            with counter:
                mixed: Tensor = attend(windows, *rest)
            macs = counter.get_total_flops() // _FLOPS_PER_MAC
            _, rows, columns, channels = maps[-1].shape
            padded = windows.shape[0] * windows.shape[1]
            found.add(
                WindowAttentionCount(macs, rows * columns, padded, channels, block.window_size)
            )
            return mixed

        block.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
        block.attention.forward = attention

    for block in blocks:
        measure(block)
    with torch.no_grad():
        network.eval()(torch.empty(1, in_channels, height, width, device="meta"))
    if len(found) != 1:
        raise ValueError(f"its transformer blocks cost {len(found)} different amounts")
    return found.pop()


def _is_block(module: nn.Module) -> bool:
    attention = getattr(module, "attention", None)
    return isinstance(attention, nn.Module) and isinstance(
        getattr(module, "window_size", None), int
    )
