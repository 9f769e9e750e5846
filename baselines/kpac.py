"""KPAC-Net: kernel-sharing parallel atrous convolutions (Son et al., ICCV 2021).

The official dual-pixel model has three levels; the authors published single-image models with two
and three. Table 1's 1.58 M parameters are those of two levels. Its 348.63 G operations fit none of
the models at 1120x1680 (dual 237.6 G; single with two levels 391.3 G, with three 230.8 G), and its
quality figures are about 1 dB below those published for the dual model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.official_weights import Published, load_named

VIEWS = ("combined", "left", "right")
INPUT_BITS = 8
CITATION = (
    "H. Son, J. Lee, S. Cho and S. Lee, 'Single Image Defocus Deblurring Using Kernel-Sharing "
    "Parallel Atrous Convolutions', ICCV 2021, arXiv:2108.09108"
)
LICENCE = "Apache-2.0 (written anew; the authors' program and weights: GNU AGPL-3.0)"

_RATES = (1, 2, 3, 4, 5)
_BLOCKS = 2
_SLOPE = 0.2

# The authors' names of weight and bias, and of the layers of a block.
_CONV = ("W_conv2d", "b_conv2d")
_TRANSPOSED = ("W_deconv2d", "b_deconv2d")
_ATROUS = ("filter", "b")
_BLOCK_LAYERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("shared", "dc1", ("filter",)),
    ("scale.0", "sca_dc1", _ATROUS),
    ("scale.2", "sca_dc2", _ATROUS),
    ("scale.4", "sca_dc3", _ATROUS),
    ("scale.6", "sca_dc4", _ATROUS),
    ("scale.8", "sca_c2", _CONV),
    ("shape.0", "sha_c1", _CONV),
    ("shape.2", "sha_c2", _CONV),
    ("fuse.0", "cf", _CONV),
)


class _HalvingConv2d(nn.Conv2d):
    """3x3, stride 2, padded as TensorFlow pads even sides: one pixel on the right and bottom."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.pad(x, (0, 1, 0, 1)))


class _AtrousConv2d(nn.Conv2d):
    """One 5x5 kernel without bias for all dilation rates."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 5, bias=False)

    def forward(self, x: Tensor, rate: int = 1) -> Tensor:
        return functional.conv2d(x, self.weight, padding=2 * rate, dilation=rate)


def _conv(in_channels: int, out_channels: int, kernel: int, rate: int = 1) -> nn.Conv2d:
    padding = rate * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, padding=padding, dilation=rate)


def _activated(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.LeakyReLU(_SLOPE))))


class KPACBlock(nn.Module):
    """Five dilations of one kernel, weighted per pixel (scale) and per channel (shape)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half, third, sixth = channels // 2, channels // 3, channels // 6
        self.shared = _AtrousConv2d(channels, half)
        self.scale = nn.Sequential(
            *_activated(
                _conv(channels, third, 5, rate=2),
                _conv(third, third, 5, rate=2),
                _conv(third, sixth, 5, rate=2),
                _conv(sixth, sixth, 5, rate=2),
            ),
            _conv(sixth, len(_RATES), 5),
            nn.Sigmoid(),
        )
        self.shape = nn.Sequential(
            *_activated(_conv(channels, channels // 8, 1)),
            _conv(channels // 8, half, 1),
            nn.Sigmoid(),
        )
        self.fuse = _activated(_conv(half * len(_RATES), channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        scale = self.scale(x)
        shape = self.shape(x.mean((2, 3), keepdim=True))
        branches = []
        for branch, rate in enumerate(_RATES):
            y = functional.leaky_relu(self.shared(x, rate), _SLOPE)
            branches.append(y * scale[:, branch : branch + 1] * shape)
        return self.fuse(torch.cat(branches, dim=1))


class _DecoderStage(nn.Module):
    """Doubles the sides, joins the encoder's map and convolves both."""

    def __init__(self, in_channels: int, channels: int, mix: nn.Module) -> None:
        super().__init__()
        self.up = _activated(nn.ConvTranspose2d(in_channels, channels, 4, 2, padding=1))
        self.mix = mix

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.mix(torch.cat((self.up(x), skip), dim=1))


class KPACNet(nn.Module):
    """KPAC-Net. The defaults are those of the official dual-pixel model.

    Args:
        levels: number of times the sides are halved, 2 or 3.
        dual: the input is the left and right view, and the residual is added to the combined view;
            otherwise, the combined view is the only input.
        width: channels at full size, a multiple of 12; the coarse scales have twice as many.

    Raises:
        ValueError: `levels` or `width` is out of range.
    """

    def __init__(self, *, levels: int = 3, dual: bool = True, width: int = 48) -> None:
        super().__init__()
        if levels not in (2, 3):
            raise ValueError(f"levels must be 2 or 3, not {levels}")
        if width < 12 or width % 12:
            raise ValueError(f"width {width} is not a multiple of 12")
        self.dual = dual
        self.multiple = 2**levels
        widths = [width, width, 2 * width, 2 * width][: levels + 1]
        stages = [_activated(_conv(6 if dual else 3, width, 5), _conv(width, width, 3))]
        for before, after in pairwise(widths):
            stages.append(_activated(_HalvingConv2d(before, after), _conv(after, after, 3)))
        self.encoder = nn.ModuleList(stages)
        wide = widths.pop()
        self.blocks = nn.ModuleList(KPACBlock(wide) for _ in range(_BLOCKS))
        self.merge = _activated(_conv((_BLOCKS + 1) * wide, wide, 3), _conv(wide, wide, 3))
        self.decoder = nn.ModuleList()
        for before, after in zip([wide, *widths[:0:-1]], widths[::-1], strict=True):
            mix = _activated(_conv(2 * after, after, 3))
            self.decoder.append(_DecoderStage(before, after, mix))
        self.decoder[-1].mix = _conv(2 * width, 3, 5)
        self.apply(_initialize)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Deblur.

        The image is padded on the right and at the bottom to a multiple of 8 (2 levels: 4) by
        repeating its edge, and the result is cropped; the authors' graph takes whole multiples
        only.

        Args:
            x: `[B, 9, H, W]`: combined, left and right view, RGB in [0, 1]; `[B, 3, H, W]`, the
                combined view, if not `dual`.
            origin, full_size: part of the method contract; this network does not depend on them.

        Returns:
            `[B, 3, H, W]`, RGB, not clamped.

        Raises:
            ValueError: the number of channels is wrong.
        """
        channels = 9 if self.dual else 3
        if x.dim() != 4 or x.shape[1] != channels:
            raise ValueError(f"expected [B, {channels}, H, W], got {tuple(x.shape)}")
        height, width = x.shape[-2:]
        pad = (0, -width % self.multiple, 0, -height % self.multiple)
        views = functional.pad(x, pad, mode="replicate") if any(pad) else x
        # The network works on [-1, 1], where its residual is twice as large.
        residual = self._residual(2 * (views[:, 3:] if self.dual else views) - 1)
        return x[:, :3] + 0.5 * residual[..., :height, :width]

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Operation counts combine the padded pixels and, for the pooled vector, 1."""
        rows, columns = (side + -side % self.multiple for side in (height, width))
        return rows * columns, 1

    def _residual(self, x: Tensor) -> Tensor:
        maps = []
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        found = [maps.pop()]
        for block in self.blocks:
            found.append(block(found[-1]))
        x = self.merge(torch.cat(found, dim=1))
        for stage in self.decoder:
            x = stage(x, maps.pop())
        return x


def build(**kwargs: Any) -> KPACNet:
    """The official dual-pixel model, freshly initialized; `kwargs` are those of `KPACNet`.

    Raises:
        ValueError: an argument is invalid.
        TypeError: unknown argument.
    """
    return KPACNet(**kwargs)


def load_official(state: Published, **kwargs: Any) -> KPACNet:
    """The network with the authors' weights.

    Args:
        state: arrays in TensorFlow's layout, by the variables' names; or without names, in the
            order of the published files: a sequence, or a mapping with keys "0", "1", ...
        kwargs: as for `build`; they must describe the model the weights belong to.

    Raises:
        ValueError: an entry is missing, unknown or ill-shaped, or an argument is invalid.
    """
    network = build(**kwargs)
    if not isinstance(state, Mapping):
        state = name_list(state)
    elif state and all(key.isdecimal() for key in state):
        state = name_list([state[key] for key in sorted(state, key=int)])
    load_named(network, state, official_names(len(network.decoder)), _layout)
    return network


def name_list(arrays: Sequence[Any]) -> dict[str, Any]:
    """Name the arrays of a published file, which have no names, by the authors' variables.

    Args:
        arrays: 66 for the network with three levels (or for two views), 58 for two levels.

    Raises:
        ValueError: there are neither 58 nor 66.
    """
    for levels in (2, 3):
        names = official_names(levels).values()
        if len(names) == len(arrays):
            return dict(zip(names, arrays, strict=True))
    raise ValueError(
        f"has {len(arrays)} arrays where KPAC has 58 (two levels) or 66 (three, or two views)"
    )


def official_names(levels: int) -> dict[str, str]:
    """The authors' variable for each of our parameters, in the order of the authors' files."""
    layers: list[tuple[str, str, tuple[str, ...]]] = []
    for stage, scope in enumerate(("c0", "c2", "c3", "c4")[: levels + 1]):
        layers.append((f"encoder.{stage}.0", f"deblur/{scope}", _CONV))
        layers.append((f"encoder.{stage}.2", f"deblur/{scope}_2", _CONV))
    for block in range(_BLOCKS):
        layers += [
            (f"blocks.{block}.{module}", f"{scope}/{block}", kind)
            for module, scope, kind in _BLOCK_LAYERS
        ]
    layers += [("merge.0", "deblur/cm_1", _CONV), ("merge.2", "deblur/cm_2", _CONV)]
    for stage, scope in enumerate(("d0", "d1", "d2")[3 - levels :]):
        mix = "mix" if stage == levels - 1 else "mix.0"
        layers.append((f"decoder.{stage}.up.0", f"deblur/{scope}", _TRANSPOSED))
        layers.append((f"decoder.{stage}.{mix}", f"deblur/{scope}_2", _CONV))
    return {
        f"{module}.{ours}": f"deblur_net/{scope}/{theirs}:0"
        for module, scope, kind in layers
        for ours, theirs in zip(("weight", "bias"), kind, strict=False)
    }


def _layout(_: str, value: Tensor) -> Tensor:
    # Height, width, in, out. Transposed convolutions swap in and out, as PyTorch does.
    return value.permute(3, 2, 0, 1) if value.dim() == 4 else value


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=0.04)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
