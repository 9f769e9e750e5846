"""The whole network, its five variants and Table 2's ablations (paper sections 3 and 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmtnet.activation import PReLU
from dmtnet.attention import Kernel, TransformerBlock, WindowAttention
from dmtnet.extraction import (
    PATCH,
    PatchPartition,
    TransformerExtraction,
    convolutional_extraction,
)
from dmtnet.reconstruction import DMSSRM, Selection, conv3x3

VIEWS = ("right", "left")
INPUT_BITS = 16
CITATION = (
    "D. Zhang and X. Wang, 'DMTNet: Dynamic Multi-scale Network for Dual-pixel Images Defocus "
    "Deblurring with Transformer', arXiv:2209.06040, 2022"
)
LICENCE = "Apache-2.0 (reconstruction; the authors published no code)"

# T's ten blocks and two head flags are inferred from T's two printed figures [F]; beyond those
# figures, nothing supports them.
VARIANTS: dict[str, dict[str, Any]] = {
    "t": {"num_dmssrm": 0, "num_blocks": 10, "head_bias": True, "head_act": True},
    "s": {"num_dmssrm": 1},
    "b": {"num_dmssrm": 2},
    "l": {"num_dmssrm": 3},
    "h": {"num_dmssrm": 4},
}


@dataclass
class Trace:
    """Intermediate results of a forward pass, one entry per DMSSRM.

    `selection_weights`: alpha of Eq. 16, `[B, num_scales]`. `scale_features`: F_sj of Eq. 14, a
    list over the scales of `[B, channels, H/4, W/4]`, padding included.
    """

    selection_weights: list[Tensor] = field(default_factory=list)
    scale_features: list[list[Tensor]] = field(default_factory=list)


def upsampling_head(channels: int, *, bias: bool, act: bool) -> nn.Sequential:
    """Up-sampling x4 by pixel-shuffle [P]; the layout is inferred [F].

    Conv3x3 n->n, shuffle 2, Conv3x3 n/4->n, shuffle 2, Conv1x1 n/4->3: `[B, n, H, W]` to
    `[B, 3, 4 H, 4 W]`. `act` adds a one-slope PReLU after each 3x3 convolution (variant T).
    """
    quarter = channels // 4
    layers: list[nn.Module] = []
    for width in (channels, quarter):
        layers.append(conv3x3(width, channels, bias=bias))
        if act:
            layers.append(PReLU())
        layers.append(nn.PixelShuffle(2))
    return nn.Sequential(*layers, nn.Conv2d(quarter, 3, 1, bias=bias))


class DMTNet(nn.Module):
    """DMTNet, reconstruction (Fig. 2). The defaults are those of variant B.

    Args:
        num_dmssrm: N_D, DMSSRM in cascade; 0, 1, 2, 3, 4 for T, S, B, L, H [P, section 4.4.1].
        num_blocks: N_T, transformer blocks; 5 [P], 10 for T [F].
        embed_dim: C, transformer channels; 96 [P, section 4.2].
        channels: n, CNN channels, a multiple of 4; 64 [P, section 4.2].
        num_heads: attention heads; 3 [F].
        window_size: attention window, in tokens of 4 pixels; 8 [F].
        shift: `none` [P] or `alternate` (every second block shifted by half a window) [C].
        mlp_ratio: hidden width of the MLP over C; 4 [F].
        num_scales: S; 3 [P].
        num_rbm: RBM per RGM; 5 [P].
        num_rm: RM per RBM; 10 [P].
        selection: see `DMSSRM`; `adaptive` [P].
        transformer: `False` gives Table 2's method 1.
        head_bias, head_act: T's head has both [F].
        image_residual: adds the mean of the two views to the output. The paper mentions no such
            skip, so it is off by default; turning it on is our ablation [C].
        kernel: attention kernel, `fused` or `plain`; both compute the same function.

    Raises:
        ValueError: a width is not divisible as required, or a choice is unknown.
    """

    def __init__(
        self,
        *,
        num_dmssrm: int = 2,
        num_blocks: int = 5,
        embed_dim: int = 96,
        channels: int = 64,
        num_heads: int = 3,
        window_size: int = 8,
        shift: Literal["none", "alternate"] = "none",
        mlp_ratio: int = 4,
        num_scales: int = 3,
        num_rbm: int = 5,
        num_rm: int = 10,
        selection: Selection = "adaptive",
        transformer: bool = True,
        head_bias: bool = False,
        head_act: bool = False,
        image_residual: bool = False,
        kernel: Kernel = "fused",
    ) -> None:
        super().__init__()
        _check_choice("shift", shift, ("none", "alternate"))
        _check_choice("selection", selection, ("adaptive", "mean", "sum"))
        _check_choice("kernel", kernel, ("fused", "plain"))
        if channels % 4:
            raise ValueError(f"channels {channels} is not a multiple of 4")
        self.window_size = window_size
        self.multiple = PATCH * 2 ** (num_scales - 1)
        self.image_residual = image_residual
        in_channels = 3 * len(VIEWS)
        self.extraction: nn.Module
        if transformer:
            half = window_size // 2 if shift == "alternate" else 0
            blocks = [
                TransformerBlock(
                    embed_dim, num_heads, window_size, mlp_ratio, half * (index % 2), kernel
                )
                for index in range(num_blocks)
            ]
            patches = PatchPartition(in_channels, embed_dim)
            self.extraction = TransformerExtraction(patches, blocks)
        else:
            self.extraction = convolutional_extraction(in_channels, embed_dim)
        self.reduction = conv3x3(embed_dim, channels, bias=head_bias)
        self.dmssrms = nn.ModuleList(
            DMSSRM(channels, num_scales, num_rbm, num_rm, selection) for _ in range(num_dmssrm)
        )
        self.bottleneck = nn.Conv2d(channels, channels, 1, bias=False) if num_dmssrm else None
        self.head = upsampling_head(channels, bias=head_bias, act=head_act)
        self.apply(_initialize)
        # Tokens are `[B, H, W, C]`. With channels-last weights, neither the maps between the
        # transformer and the convolutions nor the weights of a convolution need a copy.
        self.to(memory_format=torch.channels_last)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """Deblur.

        The image is reflect-padded on the right and at the bottom to whole tokens of the coarsest
        scale, and the result is cropped [C]. The paper does not say whether it evaluates whole
        images; this benchmark does.

        Args:
            x: `[B, 6, H, W]`, right view then left view (Eq. 1), RGB in [0, 1], H and W >= 16.
            origin, full_size: part of the method contract; this network does not depend on them.
            trace: if given, receives the selection weights and the features of every scale.

        Returns:
            `[B, 3, H, W]`, RGB, not clamped.

        Raises:
            ValueError: `x` does not have six channels, or a side is below 16 pixels.

        >>> network = build("t", num_blocks=1, embed_dim=12, channels=8)
        >>> with torch.no_grad():
        ...     network(torch.rand(1, 6, 20, 36)).shape
        torch.Size([1, 3, 20, 36])
        """
        height, width = x.shape[-2:]
        if x.dim() != 4 or x.shape[1] != 3 * len(VIEWS) or min(height, width) < self.multiple:
            raise ValueError(
                f"expected [B, {3 * len(VIEWS)}, H, W] with H and W of at least "
                f"{self.multiple}, got {tuple(x.shape)}"
            )
        pad = (0, -width % self.multiple, 0, -height % self.multiple)
        padded = functional.pad(x, pad, mode="reflect") if any(pad) else x
        shallow = self.reduction(self.extraction(padded))
        restored: Tensor = self.head(self._reconstruct(shallow, trace))
        restored = restored[..., :height, :width]
        if self.image_residual:
            restored = restored + 0.5 * (x[:, :3] + x[:, 3:])
        return restored

    def selection_weights(self, x: Tensor) -> list[Tensor]:
        """Alpha of Eq. 16 for each DMSSRM: a list of `[B, num_scales]`; `x` as in `forward`."""
        trace = Trace()
        self(x, trace=trace)
        return trace.selection_weights

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Quantities of which every operation count of this network is an exact linear combination.

        Returns:
            Tokens of the padded image; 1, for the selection scores computed once per image; and,
            if whole windows do not always fit, tokens of the map padded to whole windows.
        """
        rows, columns = ((side + -side % self.multiple) // PATCH for side in (height, width))
        window = self.window_size
        if self.multiple // PATCH % window == 0:
            return rows * columns, 1
        padded = (rows + -rows % window) * (columns + -columns % window)
        return rows * columns, 1, padded

    def _reconstruct(self, shallow: Tensor, trace: Trace | None) -> Tensor:
        features = shallow
        for dmssrm in self.dmssrms:
            features, weights, scales = dmssrm(features)
            if trace is not None:
                trace.selection_weights.append(weights)
                trace.scale_features.append(scales)
        if self.bottleneck is None:
            return features
        # Eq. 13; F_0 is the 64-channel map after the reduction [F].
        return self.bottleneck(features) + shallow


def build(variant: str = "b", **kwargs: Any) -> DMTNet:
    """DMTNet-T, S, B, L or H; `kwargs` override constructor arguments.

    Raises:
        ValueError: unknown variant, or the constructor rejects an argument.
        TypeError: unknown argument.

    >>> network = build("s", num_blocks=1, embed_dim=12, channels=8, num_rbm=1, num_rm=1)
    >>> len(network.dmssrms)
    1
    """
    _check_choice("variant", variant, tuple(VARIANTS))
    return DMTNet(**{**VARIANTS[variant], **kwargs})


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _initialize(module: nn.Module) -> None:
    # Convolutions, LayerNorm and PReLU keep PyTorch's defaults. Linear layers and the position
    # table follow common transformer practice, since the paper says nothing about them [C].
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, WindowAttention):
        nn.init.trunc_normal_(module.relative_bias, std=0.02)
