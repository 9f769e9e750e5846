"""MRNet: a surrogate of the published size and cost, since the network itself was never published.

Known about MRNet (ICASSP 2023; first place in the NTIRE 2021 dual-pixel challenge) are its two
stages, alignment by a Siamese pyramid network and reconstruction by multi-scale residual group
modules [P], and its 48.25 M parameters and 2597.38 G FLOPs (DMTNet paper, Table 1, which does not
state the size they are counted at; here 1120x1680). Everything else is our guess, made to meet
these two figures [G]. Four modules of DMTNet's kind, without its adaptive selection, are a natural
reading of them, since DMTNet-H has 48.24 M parameters. Nothing is implied about quality.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmtnet.reconstruction import DMSSRM, conv3x3

VIEWS = ("left", "right")
INPUT_BITS = 16
CITATION = (
    "D. Zhang, X. Wang and Z. Jin, 'MRNet: Multi-Refinement Network for Dual-pixel Images Defocus "
    "Deblurring', ICASSP 2023"
)
LICENCE = "Apache-2.0 (surrogate; the authors published no code)"
SURROGATE = (
    "neither code nor a full description of MRNet was published; this network meets its published "
    "parameters and FLOPs and nothing else"
)

_DOWN = 4
_PYRAMID_LEVELS = 2


class SiamesePyramid(nn.Module):
    """Features of one view for the alignment stage: encoder and pyramid, shared by both views.

    The stage and its Siamese pyramid [P]; strides, widths, a ReLU after each convolution, and
    merging the pyramid by bilinear up-sampling and addition [G].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _convolution(3, channels),
            _convolution(channels, channels, stride=2),
            _convolution(channels, channels, stride=2),
        )
        self.pyramid = nn.ModuleList(
            _convolution(channels, channels, stride=2) for _ in range(_PYRAMID_LEVELS)
        )

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` to shallow and merged features, each `[B, channels, H/4, W/4]`."""
        levels: list[Tensor] = [self.encoder(view)]
        for step in self.pyramid:
            levels.append(step(levels[-1]))
        merged = levels[-1]
        for finer in reversed(levels[:-1]):
            merged = finer + functional.interpolate(
                merged, scale_factor=2.0, mode="bilinear", align_corners=False
            )
        return levels[0], merged


class Alignment(nn.Module):
    """Both views to one feature map: pyramid, two exchanges between the views, refinement [G]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = SiamesePyramid(channels)
        self.fusion = _convolution(2 * channels, channels)
        self.exchange = _convolution(2 * channels, channels)
        self.refinement = nn.Sequential(*(_convolution(channels, channels) for _ in range(3)))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Two views `[B, 3, H, W]` to `[B, channels, H/4, W/4]`."""
        # One view at a time: both at once would take twice the memory at full resolution.
        shallow_left, merged_left = self.features(left)
        shallow_right, merged_right = self.features(right)
        fused = self.fusion(torch.cat((merged_left, merged_right), dim=1))
        mean = 0.5 * (shallow_left + shallow_right)
        return self.refinement(self.exchange(torch.cat((fused, mean), dim=1)))


class MRNet(nn.Module):
    """The surrogate; its defaults meet the published budget.

    Args:
        channels: channels of every feature map.
        num_msrgm: multi-scale residual group modules in cascade.
        num_scales: scales of each module; scale j works at 1/2**(j-1) of its resolution.
        num_rbm: residual blocks of each group.
        num_rm: residual modules of each block.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        num_msrgm: int = 4,
        num_scales: int = 3,
        num_rbm: int = 5,
        num_rm: int = 10,
    ) -> None:
        super().__init__()
        self.multiple = _DOWN * 2 ** max(num_scales - 1, _PYRAMID_LEVELS)
        self.alignment = Alignment(channels)
        # With all weights fixed to 1, a DMSSRM is a plain sum of the scales.
        self.msrgms = nn.ModuleList(
            DMSSRM(channels, num_scales, num_rbm, num_rm, "sum") for _ in range(num_msrgm)
        )
        self.head = nn.Sequential(
            *_shuffle_up(channels),
            *_shuffle_up(channels),
            conv3x3(channels, 3, bias=True),
        )

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Deblur.

        The image is padded on the right and at the bottom to whole positions of the coarsest
        scale, by reflection or, if it is too small, by repeating its edge; the result is cropped.

        Args:
            x: `[B, 6, H, W]`, left view then right view, RGB in [0, 1].
            origin, full_size: part of the method contract; this network does not depend on them.

        Returns:
            `[B, 3, H, W]`, RGB, not clamped: the mean of the views plus the network's correction.

        Raises:
            ValueError: the number of channels is wrong.
        """
        if x.dim() != 4 or x.shape[1] != 3 * len(VIEWS):
            raise ValueError(f"expected [B, {3 * len(VIEWS)}, H, W], got {tuple(x.shape)}")
        height, width = x.shape[-2:]
        left, right = _padded(x, self.multiple).chunk(2, dim=1)
        aligned = self.alignment(left, right)
        features = aligned
        for msrgm in self.msrgms:
            features, _, _ = msrgm(features)
        correction: Tensor = self.head(features + aligned)
        return 0.5 * (x[:, :3] + x[:, 3:]) + correction[..., :height, :width]

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Every operation count is a multiple of the padded area."""
        rows, columns = (-(-side // self.multiple) for side in (height, width))
        return (rows * columns,)


def build(**kwargs: Any) -> MRNet:
    """The surrogate, freshly initialized (PyTorch's defaults); `kwargs` as for `MRNet`.

    Raises:
        TypeError: unknown argument.
    """
    return MRNet(**kwargs)


def _convolution(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        conv3x3(in_channels, out_channels, bias=True, stride=stride), nn.ReLU(inplace=True)
    )


def _shuffle_up(channels: int) -> tuple[nn.Module, ...]:
    return conv3x3(channels, 4 * channels, bias=True), nn.PixelShuffle(2), nn.ReLU(inplace=True)


def _padded(x: Tensor, multiple: int) -> Tensor:
    height, width = x.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    reflects = bottom < height and right < width
    return functional.pad(x, (0, right, 0, bottom), mode="reflect" if reflects else "replicate")
