"""DMENet's network: VGG19's convolutions, a decoder with skips and a refinement at full size.

Every 3x3 convolution is padded by one pixel, mirrored including the edge, which repeats the edge;
its batch norm shifts but does not scale.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

ENCODER_CONVS = (2, 2, 4, 4, 4)
REFINEMENTS = 7

_MULTIPLE = 2 ** (len(ENCODER_CONVS) - 1)
_SLOPE = 0.2
# Diameter of the circle of confusion, in pixels, for a map value of 1.
_MAX_COC = 15
_MEAN_BGR = (103.939, 116.779, 123.68)
# Standard deviation of a standard normal distribution truncated at two sigma.
_CUT = 0.8796


def sigma_of(defocus: Tensor) -> Tensor:
    """Map values in [0, 1] to standard deviations of a Gaussian blur, [0, 7] px."""
    return ((_MAX_COC * defocus - 1) / 2).clamp(min=0)


class ShiftNorm(nn.BatchNorm2d):
    """Batch norm with a learned shift and no learned scale."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))


class Layer(nn.Module):
    """Convolution, batch norm, leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = _conv(in_channels, out_channels, kernel)
        self.norm = ShiftNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, out_channels, H, W]`."""
        return functional.leaky_relu(self.norm(self.conv(x)), _SLOPE, inplace=True)


class AuxiliaryHead(nn.Module):
    """A defocus map from intermediate features, used in training only."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.layer = Layer(in_channels, in_channels // 2)
        self.conv = _conv(in_channels // 2, 1, 3)
        self.norm = ShiftNorm(1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, 1, H, W]` in [0, 1]."""
        return torch.sigmoid(self.norm(self.conv(self.layer(x))))


class Refinement(nn.Module):
    """Sum of two 3x3 layers and a parallel 1x1 layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(Layer(channels, channels), Layer(channels, channels))
        self.side = Layer(channels, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        side = self.side(x)
        return self.main(x) + side


class DMENet(nn.Module):
    """DMENet. The defaults are those of the published model.

    An image whose sides are not multiples of 16 is padded on the right and at the bottom by
    repeating its edge, and the maps are cropped; the authors crop the image instead.

    Args:
        width: channels at full size, even; the coarse scales have up to eight times as many.
        auxiliary: include the five auxiliary heads, which do not affect the map.

    Raises:
        ValueError: `width` is not a positive even number.
    """

    mean: Tensor

    def __init__(self, *, width: int = 64, auxiliary: bool = True) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise ValueError(f"width {width} is not a positive even number")
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        sources = [3, *widths[:-1]]
        self.encoder = nn.ModuleList(
            _encoder_stage(source, wide, convs)
            for source, wide, convs in zip(sources, widths, ENCODER_CONVS, strict=True)
        )
        self.decoder = nn.ModuleList(
            _decoder_stage(2 * skip, out)
            for skip, out in ((8 * width, 4 * width), (4 * width, 2 * width), (2 * width, width))
        )
        self.merge = Layer(2 * width, width)
        self.refinements = nn.ModuleList(Refinement(width) for _ in range(REFINEMENTS))
        self.final = nn.Sequential(
            Layer(width, width), Layer(width, width // 2), _conv(width // 2, 1, 3)
        )
        # From fine to coarse, like the numbers of the maps.
        heads = (width, width, 2 * width, 4 * width, 8 * width) if auxiliary else ()
        self.heads = nn.ModuleList(AuxiliaryHead(channels) for channels in heads)
        self.register_buffer("mean", torch.tensor(_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.apply(_initialize)

    def forward(self, x: Tensor) -> Tensor:
        """The same as `defocus_map`."""
        return self.defocus_map(x)

    def defocus_map(self, x: Tensor) -> Tensor:
        """Estimate the defocus.

        Args:
            x: `[B, 3, H, W]`, RGB in [0, 1], any H and W.

        Returns:
            `[B, 1, H, W]` in [0, 1]: the diameter of the circle of confusion in units of 15 px.

        Raises:
            ValueError: the shape is wrong.
        """
        height, width = _size(x)
        features = self._decode(self._encode(x))[-1]
        for refinement in self.refinements:
            features = refinement(features)
        return torch.sigmoid(self.final(features))[..., :height, :width]

    def sigma_map(self, x: Tensor) -> Tensor:
        """Standard deviation of the Gaussian blur in pixels, `[B, 1, H, W]` in [0, 7].

        `x` and errors are as for `defocus_map`. A circle of confusion of one pixel is sharp.
        """
        return sigma_of(self.defocus_map(x))

    def auxiliary_maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """The maps of the auxiliary heads, from full size down to a sixteenth.

        `x` is as for `defocus_map`. Map `k` is `[B, 1, ceil(H / 2^k), ceil(W / 2^k)]` in [0, 1].

        Raises:
            ValueError: the shape is wrong, or the network has no auxiliary heads.
        """
        if not self.heads:
            raise ValueError("the network was built without auxiliary heads")
        size = _size(x)
        found = self._decode(self._encode(x), keep=True)
        maps = []
        for scale, (head, features) in enumerate(zip(self.heads, reversed(found), strict=True)):
            rows, columns = (math.ceil(side / 2**scale) for side in size)
            maps.append(head(features)[..., :rows, :columns])
        return tuple(maps)

    def cost_basis(self, height: int, width: int) -> tuple[int]:
        """Operation counts are multiples of the number of padded pixels."""
        return (math.prod(side + -side % _MULTIPLE for side in (height, width)),)

    def _encode(self, x: Tensor) -> list[Tensor]:
        height, width = _size(x)
        pad = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        x = functional.pad(x, pad, mode="replicate") if any(pad) else x
        x = 255 * x.flip(1) - self.mean
        found: list[Tensor] = []
        for stage in self.encoder:
            x = stage(functional.max_pool2d(x, 2) if found else x)
            found.append(x)
        return found

    def _decode(self, found: list[Tensor], *, keep: bool = False) -> list[Tensor]:
        """Features from coarse to fine, the last at full size; without `keep`, only the last.

        Empties `found`, so that each map of the encoder is freed after its use.
        """
        x = found.pop()
        kept = [x] if keep else []
        for stage in (*self.decoder, self.merge):
            x = stage(_joined(x, found.pop()))
            if keep:
                kept.append(x)
        return kept or [x]


def _conv(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, out_channels, kernel, padding=kernel // 2, padding_mode="replicate"
    )


def _encoder_stage(in_channels: int, channels: int, convs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(convs):
        layers.append(_conv(channels if index else in_channels, channels, 3))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _decoder_stage(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        Layer(in_channels, channels), Layer(channels, channels), Layer(channels, channels)
    )


def _joined(coarse: Tensor, skip: Tensor) -> Tensor:
    return torch.cat((functional.interpolate(coarse, scale_factor=2, mode="nearest"), skip), dim=1)


def _size(x: Tensor) -> tuple[int, int]:
    if x.dim() != 4 or x.shape[1] != 3:
        raise ValueError(f"expected [B, 3, H, W], got {tuple(x.shape)}")
    return x.shape[2], x.shape[3]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        assert module.bias is not None
        nn.init.zeros_(module.bias)
        if module.out_channels == 1:
            nn.init.xavier_uniform_(module.weight)
        else:
            std = math.sqrt(2 / module.weight[0].numel()) / _CUT
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
