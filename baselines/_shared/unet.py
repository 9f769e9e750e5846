"""The U-Net of DPDNet (ECCV 2020, section 5), which RDPD shares at half the width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Variant = Literal["official", "table1"]

LEVELS = 4
MULTIPLE = 2**LEVELS
VIEW_CHANNELS = 6
# Standard deviation of a standard normal distribution truncated at two sigma.
_CUT_STD = 0.87962566103423978


class UNet(nn.Module):
    """Encoder and decoder of four scales around a bottleneck that a method adds.

    3x3 convolutions of stride 1 with bias and ReLU, and 2x2 max-pooling. Up-sampling is by nearest
    neighbor, then a 2x2 convolution with ReLU whose input is zero-padded on the right and at the
    bottom, and two 3x3 convolutions on [skip, up-sampled]. `conv9_3` gives three channels, with
    ReLU, and `conv10` mixes them, 1x1 without activation. Layers have the names and the order of
    the published weights.

    Args:
        in_channels: channels of the image.
        width: channels of the first level; each level doubles them.
        bottleneck: modules between encoder and decoder, by name; the method applies them.
        variant: `official` enlarges with 2x2 convolutions, as published; `table1` with 3x3
            convolutions and symmetric padding, as the DMTNet paper's Table 1 counts.

    Raises:
        ValueError: there is no such variant.
    """

    def __init__(
        self, in_channels: int, width: int, bottleneck: Mapping[str, nn.Module], variant: Variant
    ) -> None:
        super().__init__()
        if variant not in ("official", "table1"):
            raise ValueError(f"variant must be official or table1, not {variant!r}")
        up_kernel = 2 if variant == "official" else 3
        self.up_padding = (0, 1, 0, 1) if up_kernel == 2 else (1, 1, 1, 1)
        channels = in_channels
        for level in range(1, LEVELS + 1):
            wide = width * 2 ** (level - 1)
            self.add_module(f"conv{level}_1", conv3x3(channels, wide))
            self.add_module(f"conv{level}_2", conv3x3(wide, wide))
            channels = wide
        for name, module in bottleneck.items():
            self.add_module(name, module)
        for level in range(LEVELS, 0, -1):
            row, wide = _row(level), width * 2 ** (level - 1)
            self.add_module(f"up{row}", _started(nn.Conv2d(2 * wide, wide, up_kernel)))
            self.add_module(f"conv{row}_1", conv3x3(2 * wide, wide))
            self.add_module(f"conv{row}_2", conv3x3(wide, wide))
        self.add_module("conv9_3", conv3x3(width, 3))
        self.add_module("conv10", _started(nn.Conv2d(3, 3, 1)))
        nn.init.xavier_uniform_(self.get_parameter("conv10.weight"))

    def encode(self, x: Tensor) -> list[Tensor]:
        """`[B, in_channels, H, W]` to the maps of the four levels before pooling, finest first."""
        skips: list[Tensor] = []
        for level in range(1, LEVELS + 1):
            x = functional.max_pool2d(skips[-1], 2) if skips else x
            skips.append(self.run(x, f"conv{level}_1", f"conv{level}_2"))
        return skips

    def decode(self, bottom: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """The maps of the bottleneck and of the encoder to `[B, 3, H, W]`, not clamped."""
        x = bottom
        for level in range(LEVELS, 0, -1):
            row = _row(level)
            x = functional.pad(functional.interpolate(x, scale_factor=2), self.up_padding)
            x = torch.cat([skips[level - 1], self.run(x, f"up{row}")], dim=1)
            x = self.run(x, f"conv{row}_1", f"conv{row}_2")
        return self.get_submodule("conv10")(self.run(x, "conv9_3"))

    def run(self, x: Tensor, *names: str) -> Tensor:
        """Apply convolutions by name, each followed by a ReLU."""
        for name in names:
            x = functional.relu(self.get_submodule(name)(x), inplace=True)
        return x

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Every operation count is a multiple of the padded image's pixels."""
        return ((height + -height % MULTIPLE) * (width + -width % MULTIPLE),)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution with zero padding 1; initialized He-normal, bias 0."""
    return _started(nn.Conv2d(in_channels, out_channels, 3, padding=1))


def swap_colors(x: Tensor) -> Tensor:
    """Convert `[..., 3 n, H, W]`, n images, from RGB to BGR or back."""
    return torch.cat([view.flip(-3) for view in x.chunk(x.shape[-3] // 3, dim=-3)], dim=-3)


def pad(x: Tensor) -> Tensor:
    """Pad `[B, C, H, W]` on the right and at the bottom to multiples of 16.

    Pads by reflection, or with zeros along a side that is too short to reflect.
    """
    height, width = x.shape[-2:]
    right, bottom = -width % MULTIPLE, -height % MULTIPLE
    for side, missing, edges in (
        (width, right, (0, right, 0, 0)),
        (height, bottom, (0, 0, 0, bottom)),
    ):
        if missing:
            mode = "reflect" if missing < side else "constant"
            x = functional.pad(x, edges, mode=mode)
    return x


def check_views(x: Tensor, dimensions: int) -> None:
    """Make sure that `x` holds a left and a right image.

    Raises:
        ValueError: the number of dimensions or channels is wrong.
    """
    if x.dim() != dimensions or x.shape[-3] != VIEW_CHANNELS:
        shape = "[B, 6, H, W]" if dimensions == 4 else "[B, T, 6, H, W]"
        raise ValueError(f"expected {shape}, left then right view, got {tuple(x.shape)}")


def he_normal_(weight: Tensor) -> None:
    """Fill with normal values of standard deviation sqrt(2 / fan-in), truncated at two sigma."""
    sigma = math.sqrt(2 / weight[0].numel()) / _CUT_STD
    # Inverse transform sampling is ten times as fast as PyTorch's own function.
    share = math.erf(2 / math.sqrt(2))
    with torch.no_grad():
        weight.uniform_(-share, share).erfinv_().mul_(math.sqrt(2) * sigma)


def _row(level: int) -> int:
    """Number in the decoder's layer names for an encoder `level`: 6 for level 4 to 9 for 1."""
    return 2 * LEVELS + 2 - level


def _started(layer: nn.Conv2d) -> nn.Conv2d:
    he_normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
