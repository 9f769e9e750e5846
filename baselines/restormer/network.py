"""The U-shaped network of four levels: Restormer's model for dual-pixel pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.official_weights import Published, load_named
from baselines._shared.row_bands import is_piecewise
from baselines.restormer.blocks import Block, conv, images, tokens_of

VIEWS = ("left", "right")
INPUT_BITS = 16
CITATION = (
    "S. W. Zamir, A. Arora, S. Khan, M. Hayat, F. S. Khan and M.-H. Yang, 'Restormer: Efficient "
    "Transformer for High-Resolution Image Restoration', CVPR 2022, arXiv:2111.09881"
)
LICENCE = (
    "Apache-2.0 (own implementation; the authors' program and weights are under an Academic "
    "Public License, non-commercial use only)"
)

_LEVELS = 4


class Restormer(nn.Module):
    """Restormer for dual-pixel pairs: no bias, no image residual, a skip from the embedding.

    Args:
        embed_dim: C of the first level; doubled at each of the three others.
        num_blocks: blocks per level, of encoder and decoder.
        num_refinement_blocks: blocks after the decoder, at full resolution.
        num_heads: heads per level; decoder level 1 and refinement (2 C channels) have those of
            level 1.
        expansion: hidden width of the feed-forward network over C.

    Raises:
        ValueError: there are not four levels, or a width is not a multiple of its heads.
    """

    def __init__(
        self,
        *,
        embed_dim: int = 48,
        num_blocks: Sequence[int] = (4, 6, 6, 8),
        num_refinement_blocks: int = 4,
        num_heads: Sequence[int] = (1, 2, 4, 8),
        expansion: float = 2.66,
    ) -> None:
        super().__init__()
        if len(num_blocks) != _LEVELS or len(num_heads) != _LEVELS:
            raise ValueError(f"num_blocks and num_heads must have {_LEVELS} entries")
        widths = [embed_dim * 2**level for level in range(_LEVELS)]
        if embed_dim % 2 or any(w % h for w, h in zip(widths, num_heads, strict=True)):
            raise ValueError(f"embed_dim {embed_dim} is odd or not a multiple of its num_heads")

        def stage(width: int, level: int, count: int | None = None) -> nn.Sequential:
            number = num_blocks[level] if count is None else count
            return nn.Sequential(
                *(Block(width, num_heads[level], expansion) for _ in range(number))
            )

        first, *deeper = widths
        self.embedding = conv(3 * len(VIEWS), first, 3)
        self.encoder = nn.ModuleList(stage(widths[level], level) for level in range(_LEVELS))
        self.down = nn.ModuleList(conv(width, width // 2, 3) for width in widths[:-1])
        self.up = nn.ModuleList(conv(width, 2 * width, 3) for width in deeper)
        self.reduction = nn.ModuleList(conv(2 * width, width, 1) for width in widths[1:-1])
        self.decoder = nn.ModuleList(
            stage(max(widths[level], 2 * first), level) for level in range(_LEVELS - 1)
        )
        self.refinement = stage(2 * first, 0, num_refinement_blocks)
        self.skip = conv(first, 2 * first, 1)
        self.output = conv(2 * first, 3, 3)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Deblur.

        The image is padded on the right and at the bottom to multiples of 8, by reflection as in
        the authors' program, or with zeros if a side is too short; the result is cropped.

        Args:
            x: `[B, 6, H, W]`, left view then right view, RGB in [0, 1], any H and W.
            origin, full_size: part of the method contract; this network does not depend on them.

        Returns:
            `[B, 3, H, W]`, RGB, not clamped.

        Raises:
            ValueError: the number of channels is wrong.
        """
        if x.dim() != 4 or x.shape[1] != 3 * len(VIEWS):
            raise ValueError(f"expected [B, {3 * len(VIEWS)}, H, W], got {tuple(x.shape)}")
        height, width = x.shape[-2:]
        embedded = tokens_of(self.embedding(_padded(x)))
        # Blocks may overwrite their input, and the embedding is needed again.
        features = self.encoder[0](embedded.clone() if is_piecewise(embedded) else embedded)
        skips = []
        for level, down in enumerate(self.down, start=1):
            skips.append(features)
            features = tokens_of(functional.pixel_unshuffle(down(images(features)), 2))
            features = self.encoder[level](features)
        for level in reversed(range(_LEVELS - 1)):
            raised = functional.pixel_shuffle(self.up[level](images(features)), 2)
            features = torch.cat([tokens_of(raised), skips.pop()], dim=-1)
            del raised
            if level:
                features = tokens_of(self.reduction[level - 1](images(features)))
            features = self.decoder[level](features)
        features = self.refinement(features)
        restored: Tensor = self.output(images(features) + self.skip(images(embedded)))
        return restored[..., :height, :width].contiguous()

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Every operation count is a multiple of the padded image's number of pixels."""
        multiple = 2 ** (_LEVELS - 1)
        return ((height + -height % multiple) * (width + -width % multiple),)


def _padded(x: Tensor) -> Tensor:
    multiple = 2 ** (_LEVELS - 1)
    height, width = x.shape[-2:]
    for side, *pad in ((width, 0, -width % multiple, 0, 0), (height, 0, 0, 0, -height % multiple)):
        if any(pad):
            x = functional.pad(x, pad, mode="reflect" if max(pad) < side else "constant")
    return x


def build(**kwargs: Any) -> Restormer:
    """Restormer as published for dual-pixel pairs; `kwargs` override constructor arguments.

    Raises:
        ValueError: the constructor rejects an argument.
        TypeError: unknown argument.
    """
    return Restormer(**kwargs)


def load_official(state: Published, **kwargs: Any) -> Restormer:
    """Restormer with the weights of `dual_pixel_defocus_deblurring.pth` (its entry `params`).

    Args:
        state: arrays or tensors by the authors' names.
        kwargs: as for `build`.

    Raises:
        ValueError: an entry is missing, unknown or of another shape.
    """
    network = build(**kwargs)
    names = {name: official_name(name) for name in network.state_dict()}
    return load_named(network, state, names)


_OFFICIAL_PARTS = {
    "norm1": "norm1.body",
    "norm2": "norm2.body",
    "attention": "attn",
    "qkv_depthwise": "qkv_dwconv",
    "feed_forward": "ffn",
    "depthwise": "dwconv",
    "embedding": "patch_embed.proj",
    "skip": "skip_conv",
}


def official_name(name: str) -> str:
    """The authors' name of a parameter of `Restormer`."""
    head, *rest = (_OFFICIAL_PARTS.get(part, part) for part in name.split("."))
    if head in ("encoder", "decoder", "down", "up", "reduction"):
        level = int(rest.pop(0)) + 1
        stages = {
            "encoder": "latent" if level == _LEVELS else f"encoder_level{level}",
            "decoder": f"decoder_level{level}",
            "down": f"down{level}_{level + 1}.body.0",
            "up": f"up{level + 1}_{level}.body.0",
            "reduction": f"reduce_chan_level{level + 1}",
        }
        head = stages[head]
    return ".".join((head, *rest))
