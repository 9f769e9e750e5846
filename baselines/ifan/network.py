"""The network, its published variants and its training branch (section 3 of the paper)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.ifan.adaptive import adapt, filter_channels
from baselines.ifan.blocks import DecoderStage, Encoder, conv, initialize, residual_head
from baselines.ifan.reblurring import SCALE, Reblurring, area_eighth, nearest_eighth, warp

VIEWS = ("combined", "left", "right")
INPUT_BITS = 8
CITATION = (
    "J. Lee, H. Son, J. Rim, S. Cho and S. Lee, 'Iterative Filter Adaptive Network for Single "
    "Image Defocus Deblurring', CVPR 2021, arXiv:2108.13610"
)
LICENCE = "Apache-2.0 (written anew; the authors' program and weights: GNU AGPL-3.0)"

# Parameters (shell patterns) that `forward` uses only in part or not at all, and why.
UNTRAINED = {
    "filters.3.*": (
        "rows that predict the horizontal kernels: not used unless corrected_iac; only the "
        "reblurring network, in forward_training, reads them"
    ),
    "reblurring.*": (
        "training only: reached by forward_training, but for its own rows that predict the "
        "horizontal kernels, unless corrected_iac"
    ),
}

# All but `dual` take only the combined view; the authors' IFAN_16bit is `single` on 16-bit images.
VARIANTS: dict[str, dict[str, Any]] = {
    "dual": {},
    "single": {"dual": False},
    "single-8": {"dual": False, "iterations": 8, "reblur_iterations": 8},
    "single-26": {"dual": False, "iterations": 26, "reblur_iterations": 9},
    "single-35": {"dual": False, "iterations": 35},
    "single-44": {"dual": False, "iterations": 44},
}


class IFAN(nn.Module):
    """Iterative filter adaptive network.

    Args:
        iterations: N, iterations of the adaptive convolution.
        channels: width of the finest scale; the others have 2, 4 and 4 times as many channels.
        dual: predict filters from right and left view; otherwise from the combined view, which is
            then the only input of `forward`.
        corrected_iac: see `adapt`; off in all published weights. Also applies to the reblurring.
        reblurring: include the reblurring network, which only `forward_training` uses. Without it,
            `load_state_dict` ignores its weights.
        reblur_iterations: iterations of the reblurring network's adaptive convolution.
    """

    def __init__(
        self,
        *,
        iterations: int = 17,
        channels: int = 32,
        dual: bool = True,
        corrected_iac: bool = False,
        reblurring: bool = False,
        reblur_iterations: int = 17,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.dual = dual
        self.corrected_iac = corrected_iac
        widths = (channels, 2 * channels, 4 * channels, 4 * channels)
        wide = widths[-1]
        map_channels = filter_channels(wide, iterations)
        self.features = Encoder(3, widths)
        self.filter_encoder = Encoder(6 if dual else 3, widths)
        self.disparity = nn.Sequential(
            *residual_head(wide, wide, steps=2, blocks=2), nn.Conv2d(wide, 1, 3, padding=1)
        )
        self.lifting = conv(1, wide)
        self.fusion = nn.Sequential(
            *residual_head(2 * wide, wide, steps=2, blocks=2), conv(wide, wide)
        )
        self.filters = nn.Sequential(
            *residual_head(wide, wide, steps=2, blocks=2), nn.Conv2d(wide, map_channels, 1)
        )
        self.bottleneck = nn.Sequential(
            *residual_head(wide, wide, steps=3, blocks=1), conv(wide, wide)
        )
        self.decoder = nn.ModuleList(
            DecoderStage(before, width)
            for before, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.output = conv(channels, 3)
        initialize(self)
        initialize(self.filters, gain=1.5)
        self.reblurring: Reblurring | None = None
        if reblurring:
            self.reblurring = Reblurring(map_channels, wide, reblur_iterations, corrected_iac)
        self.register_load_state_dict_pre_hook(_drop_reblurring)  # type: ignore[no-untyped-call]

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Deblur.

        The image is padded on the right and at the bottom to a multiple of 8 by repeating its
        edge, and the result is cropped; the authors crop the image.

        Args:
            x: `[B, 9, H, W]`: combined, left and right view, RGB in [0, 1]; `[B, 3, H, W]`, the
                combined view, if not `dual`.
            origin, full_size: part of the method contract; this network does not depend on them.

        Returns:
            `[B, 3, H, W]`, RGB, not clamped.

        Raises:
            ValueError: the number of channels is wrong.
        """
        padded = _padded(_check(x, 9 if self.dual else 3))
        filters, _ = self._predict_filters(self._filter_input(padded))
        return self._deblur(padded[:, :3], filters)[..., : x.shape[-2], : x.shape[-1]]

    def disparity_map(self, x: Tensor) -> Tensor:
        """Disparity between the views, `[B, 1, H/8, W/8]` (rounded up), in pixels of this map."""
        padded = _padded(_check(x, 9 if self.dual else 3))
        return self.disparity(self.filter_encoder(self._filter_input(padded))[-1])

    def forward_training(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """All tensors that the loss compares.

        Args:
            x: `[B, 9, H, W]`: combined, left and right view, RGB in [0, 1], even if not `dual`;
                padded as in `forward`.
            target: the sharp image, `[B, 3, H, W]`.

        Returns:
            For each of `TRAINING_TERMS`, the tensor and, under its name with `_target`, its target:
            `output`, `[B, 3, H, W]`; and, at an eighth of the size, `warped_right`, the right view
            warped onto the left view, and `reblurred`, the sharp image blurred to match the
            combined view. Also `disparity`, used for warping, and `filters`.

        Raises:
            ValueError: the number of channels is wrong, or there is no reblurring network.
        """
        if self.reblurring is None:
            raise ValueError("training needs the reblurring network: build(reblurring=True)")
        padded = _padded(_check(x, 9))
        combined, left, right = padded.chunk(3, dim=1)
        filters, disparity = self._predict_filters(self._filter_input(padded))
        if not self.dual:
            disparity = self.disparity(self.filter_encoder(right)[-1])
        sharp = nearest_eighth(_padded(_check(target, 3)))
        return {
            "output": self._deblur(combined, filters)[..., : x.shape[-2], : x.shape[-1]],
            "output_target": target,
            "warped_right": warp(area_eighth(right), disparity),
            "warped_right_target": area_eighth(left),
            "reblurred": self.reblurring(filters, sharp),
            "reblurred_target": area_eighth(combined),
            "disparity": disparity,
            "filters": filters,
        }

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Every operation count is a multiple of the padded image's blocks of 8 x 8 pixels."""
        return (-(-height // SCALE) * -(-width // SCALE),)

    def _filter_input(self, padded: Tensor) -> Tensor:
        # The network takes right before left, unlike `VIEWS`.
        return torch.cat((padded[:, 6:], padded[:, 3:6]), dim=1) if self.dual else padded[:, :3]

    def _predict_filters(self, views: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.filter_encoder(views)[-1]
        disparity = self.disparity(encoded)
        fused = self.fusion(torch.cat((encoded, self.lifting(disparity)), dim=1))
        return self.filters(fused), disparity

    def _deblur(self, combined: Tensor, filters: Tensor) -> Tensor:
        *skips, coarse = self.features(combined)
        x = adapt(coarse, filters, self.iterations, corrected=self.corrected_iac)
        x = self.bottleneck(x)
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return self.output(x) + combined


def build(variant: str = "dual", **kwargs: Any) -> IFAN:
    """A published variant, freshly initialized; `kwargs` override constructor arguments.

    Raises:
        ValueError: unknown variant.
        TypeError: unknown argument.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, not {variant!r}")
    return IFAN(**{**VARIANTS[variant], **kwargs})


def _check(x: Tensor, channels: int) -> Tensor:
    if x.dim() != 4 or x.shape[1] != channels:
        raise ValueError(f"expected [B, {channels}, H, W], got {tuple(x.shape)}")
    return x


def _padded(x: Tensor) -> Tensor:
    pad = (0, -x.shape[-1] % SCALE, 0, -x.shape[-2] % SCALE)
    return functional.pad(x, pad, mode="replicate") if any(pad) else x


def _drop_reblurring(network: IFAN, state: dict[str, Any], prefix: str, *_: object) -> None:
    """Let a network without the reblurring network load weights trained with it."""
    if network.reblurring is None:
        for name in [name for name in state if name.startswith(f"{prefix}reblurring.")]:
            del state[name]
