"""Layers of IFAN: convolutions with LeakyReLU, residual blocks, encoder and decoder stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1


def conv(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """A zero-padded 3x3 convolution, then LeakyReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1), nn.LeakyReLU(SLOPE)
    )


class ResidualBlock(nn.Module):
    """`steps` times LeakyReLU(x + two convolutions); with `steps` > 1, adds the input at the end.

    No activation follows that last sum.
    """

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.stem = nn.ModuleList(
            nn.Sequential(*conv(channels, channels), nn.Conv2d(channels, channels, 3, padding=1))
            for _ in range(steps)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        hidden = x
        for step in self.stem:
            hidden = functional.leaky_relu(hidden + step(hidden), SLOPE)
        return hidden + x if len(self.stem) > 1 else hidden


class Encoder(nn.Module):
    """Four stages of three convolutions; every stage except the first halves the sides."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                conv(before, width, stride=2 if stage else 1),
                conv(width, width),
                conv(width, width),
            )
            for stage, (before, width) in enumerate(
                zip((in_channels, *widths[:-1]), widths, strict=True)
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """`[B, in_channels, H, W]` to the maps of all stages, finest first."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class DecoderStage(nn.Module):
    """Doubles the sides, adds the encoder's map and refines with two residual blocks."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.ConvTranspose2d(in_channels, channels, 4, 2, padding=1), nn.LeakyReLU(SLOPE)
        )
        self.blocks = nn.Sequential(ResidualBlock(channels, 1), ResidualBlock(channels, 1))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` and `[B, C, 2 H, 2 W]` to the shape of the latter."""
        return self.blocks(self.up(x) + skip)


def residual_head(in_channels: int, channels: int, steps: int, blocks: int) -> list[nn.Module]:
    """A convolution and residual blocks, with which most branches of the network start."""
    return [conv(in_channels, channels), *(ResidualBlock(channels, steps) for _ in range(blocks))]


def initialize(module: nn.Module, gain: float = 1.0) -> None:
    """Xavier uniform weights and zero biases in all convolutions of `module` (authors' program)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight, gain)
            if layer.bias is not None:
                with torch.no_grad():
                    layer.bias.zero_()
