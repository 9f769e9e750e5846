"""Feature extraction: from the image to F_E at a quarter of its resolution (paper section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmtnet.activation import PReLU
from dmtnet.attention import TransformerBlock
from dmtnet.reconstruction import conv3x3

PATCH = 4
# Minimum band size: 0.75 MiB with 96 channels in float32, and four times that inside the MLP.
BAND_TOKENS = 2048


class PatchPartition(nn.Module):
    """Patch partition of section 3.2: Conv 4x4, stride 4, with bias, then LayerNorm [P]."""

    def __init__(self, in_channels: int, embed_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(in_channels, embed_dim, PATCH, PATCH)
        self.norm = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to F_P, `[B, H/4, W/4, embed_dim]`."""
        return self.norm(self.embedding(x).permute(0, 2, 3, 1))


class TransformerExtraction(nn.Module):
    """Feature extraction by transformer blocks: image to F_E (section 3.2).

    Without shifts, rows of windows are independent. On a CPU, one band of rows therefore passes
    through all blocks before the next band, so that intermediate results stay in the caches. With
    gradients the map stays whole, since autograd keeps every band anyway.
    """

    def __init__(self, patches: PatchPartition, blocks: list[TransformerBlock]) -> None:
        super().__init__()
        self.patches = patches
        self.blocks = nn.Sequential(*blocks)
        self.window_size = max((block.window_size for block in blocks), default=1)
        self.shifted = any(block.shift for block in blocks)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` to `[B, embed_dim, H/4, W/4]`."""
        tokens = self.patches(x)
        # A trace would record the number of bands, which depends on the size of the input.
        traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        traced = traced or torch.compiler.is_exporting()
        whole = traced or torch.is_grad_enabled() or tokens.device.type != "cpu"
        if whole or self.shifted:
            return self.blocks(tokens).permute(0, 3, 1, 2)
        row_of_windows = tokens.shape[0] * tokens.shape[2] * self.window_size
        rows = self.window_size * max(1, BAND_TOKENS // row_of_windows)
        bands = [self.blocks(band) for band in tokens.split(rows, dim=1)]
        return torch.cat(bands, dim=1).permute(0, 3, 1, 2)


def convolutional_extraction(in_channels: int, embed_dim: int) -> nn.Sequential:
    """Table 2, method 1: two 3x3 convolutions of stride 2 [P] replace the transformer.

    They also replace the patch embedding; otherwise, the stride would not be 4 [F]. The widths and
    the PReLU after each convolution are free choices [C]. Maps `[B, in_channels, H, W]` to
    `[B, embed_dim, H/4, W/4]`.
    """
    return nn.Sequential(
        conv3x3(in_channels, embed_dim, stride=2),
        PReLU(),
        conv3x3(embed_dim, embed_dim, stride=2),
        PReLU(),
    )
