"""Iterative adaptive convolution (IAC): separable filters for each pixel and channel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from baselines.ifan.blocks import SLOPE

KERNEL = 3


def filter_channels(channels: int, iterations: int) -> int:
    """Channels of the filter map: two 1D kernels and a bias per channel and iteration."""
    return iterations * channels * (2 * KERNEL + 1)


def adapt(
    features: Tensor,
    filters: Tensor,
    iterations: int,
    *,
    corrected: bool,
    last_activation: bool = True,
) -> Tensor:
    """Filter `features` repeatedly, each pixel with its own kernels.

    Each iteration consists of a vertical pass, a horizontal pass, a bias and LeakyReLU. Edges are
    replicated; kernels are neither flipped nor normalized (section 3.2 of the paper).

    Args:
        features: `[B, C, H, W]`.
        filters: `[B, iterations * C * 7, H, W]`: for each iteration the vertical kernels, channel
            by channel, then the horizontal kernels; after all kernels, the biases of each
            iteration.
        iterations: N in the paper.
        corrected: use the horizontal kernels in the horizontal pass. The authors' program uses the
            vertical ones there too, as all published weights require.
        last_activation: also apply LeakyReLU after the last iteration.

    Returns:
        `[B, C, H, W]`.
    """
    batch, channels, height, width = features.shape
    length = channels * KERNEL
    kernels = (batch, channels, KERNEL, height, width)
    for step in range(iterations):
        first = 2 * step * length
        # Views: a copy of the filter map would be the largest tensor in memory.
        vertical = filters.narrow(1, first, length).view(kernels)
        horizontal = filters.narrow(1, first + length, length).view(kernels)
        bias = filters.narrow(1, 2 * iterations * length + step * channels, channels)
        features = _pass(features, vertical, axis=2)
        features = _pass(features, horizontal if corrected else vertical, axis=3) + bias
        if last_activation or step < iterations - 1:
            features = functional.leaky_relu(features, SLOPE)
    return features


def _pass(x: Tensor, kernels: Tensor, axis: int) -> Tensor:
    """Sum over the taps along one axis; unfolding the input would copy it `KERNEL` times."""
    half, size = KERNEL // 2, x.shape[axis]
    # Not `functional.pad`: on CUDA, the deterministic form of its gradient sorts indices.
    first, last = x.narrow(axis, 0, 1), x.narrow(axis, size - 1, 1)
    padded = torch.cat([*[first] * half, x, *[last] * half], dim=axis)
    total = padded.narrow(axis, 0, size) * kernels[:, :, 0]
    for tap in range(1, KERNEL):
        total = total + padded.narrow(axis, tap, size) * kernels[:, :, tap]
    return total
