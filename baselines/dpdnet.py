"""DPDNet, and DPDNet+: the same network trained on Canon and synthetic dual-pixel images."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.keras_order import load_keras
from baselines._shared.official_weights import Published
from baselines._shared.unet import (
    VIEW_CHANNELS,
    UNet,
    Variant,
    check_views,
    conv3x3,
    pad,
    swap_colors,
)

VIEWS = ("left", "right")
INPUT_BITS = 16
CITATION = (
    "A. Abuolaim and M. S. Brown, 'Defocus Deblurring Using Dual-Pixel Data', ECCV 2020, "
    "pp. 111-126, arXiv:2005.00305"
)
LICENCE = "Apache-2.0 (own implementation; the authors' program is MIT)"
BOUNDED = "the last layer is a sigmoid"


class DPDNet(UNet):
    """U-Net of five levels on both views, BGR inside, with a sigmoid at the end.

    Args:
        width: channels of the first level; 64 as published.
        variant: `official`; or `table1`, with 3x3 up-convolutions, whose counts match those that
            the DMTNet paper prints. Published weights fit `official` only.
        dropout: probability of dropping a value in training, before and after the last pooling;
            0.4 in the authors' program.

    Raises:
        ValueError: there is no such variant.
    """

    def __init__(
        self, *, width: int = 64, variant: Variant = "official", dropout: float = 0.4
    ) -> None:
        wide = 16 * width
        bottleneck = {"conv5_1": conv3x3(wide // 2, wide), "conv5_2": conv3x3(wide, wide)}
        super().__init__(VIEW_CHANNELS, width, bottleneck, variant)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Deblur.

        The image is padded to multiples of 16 on the right and at the bottom, by reflection
        (zeros along a side too short for it), and the result is cropped; the authors' program
        takes multiples of 16 only.

        Args:
            x: `[B, 6, H, W]`, left then right view, RGB in [0, 1].
            origin, full_size: part of the method contract; this network does not depend on them.

        Returns:
            `[B, 3, H, W]`, RGB in (0, 1).

        Raises:
            ValueError: the number of dimensions or channels is wrong.
        """
        check_views(x, 4)
        skips = self.encode(pad(swap_colors(x)))
        # The skip connection of this level starts after the dropout.
        skips[-1] = self.dropout(skips[-1])
        bottom = self.run(functional.max_pool2d(skips[-1], 2), "conv5_1", "conv5_2")
        restored = torch.sigmoid(self.decode(self.dropout(bottom), skips))
        return swap_colors(restored[..., : x.shape[-2], : x.shape[-1]])


def build(**kwargs: Any) -> DPDNet:
    """DPDNet, freshly initialized; `kwargs` are constructor arguments.

    Raises:
        ValueError: there is no such variant.
        TypeError: unknown argument.
    """
    return DPDNet(**kwargs)


def load_official(state: Published, **kwargs: Any) -> DPDNet:
    """DPDNet with published weights.

    Args:
        state: layers of a Keras file, or arrays by name; see `load_keras`.
        kwargs: constructor arguments.

    Raises:
        ValueError: the weights do not fit, or there is no such variant.
    """
    return load_keras(partial(build, **kwargs), state)
