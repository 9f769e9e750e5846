"""Parts of IFAN for training only: reblurring network, view warping, terms of the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.ifan.adaptive import adapt, filter_channels
from baselines.ifan.blocks import initialize, residual_head

SCALE = 8
# The loss is the sum of mean squared differences between `term` and `term_target`.
TRAINING_TERMS = ("output", "warped_right", "reblurred")


class Reblurring(nn.Module):
    """Predicts, from the deblurring filters, filters that blur the sharp image again.

    Args:
        in_channels: channels of the deblurring filter map.
        channels: width of the network.
        iterations: iterations of the adaptive convolution.
        corrected: see `adapt`.
    """

    def __init__(self, in_channels: int, channels: int, iterations: int, corrected: bool) -> None:
        super().__init__()
        self.iterations = iterations
        self.corrected = corrected
        self.predictor = nn.Sequential(
            *residual_head(in_channels, channels, steps=2, blocks=2),
            nn.Conv2d(channels, filter_channels(3, iterations), 3, padding=1),
        )
        initialize(self)

    def forward(self, filters: Tensor, sharp: Tensor) -> Tensor:
        """Filter map and sharp image, `[B, 3, h, w]` at an eighth, to the reblurred image."""
        residual = adapt(
            sharp,
            self.predictor(filters),
            self.iterations,
            corrected=self.corrected,
            last_activation=False,
        )
        return residual + sharp


def area_eighth(image: Tensor) -> Tensor:
    """Mean of each block of 8 x 8 pixels."""
    return functional.avg_pool2d(image, SCALE)


def nearest_eighth(image: Tensor) -> Tensor:
    """Top left pixel of each block of 8 x 8 pixels, used to downscale the sharp image."""
    return image[..., ::SCALE, ::SCALE]


def warp(image: Tensor, disparity: Tensor) -> Tensor:
    """Sample an image at each pixel shifted right by its disparity; bilinear, zero outside.

    Args:
        image: `[B, C, h, w]`.
        disparity: `[B, 1, h, w]`, in pixels of `image`.
    """
    batch, _, height, width = image.shape
    rows = torch.linspace(-1, 1, height, dtype=image.dtype, device=image.device)
    columns = torch.linspace(-1, 1, width, dtype=image.dtype, device=image.device)
    across = columns + disparity[:, 0].to(image) / (max(width - 1, 1) / 2)
    down = rows[:, None].expand(batch, height, width)
    grid = torch.stack((across, down), dim=-1)
    return functional.grid_sample(image, grid, "bilinear", "zeros", align_corners=True)
