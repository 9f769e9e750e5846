"""RDPD+: a recurrent U-Net for dual-pixel video, trained on Canon and synthetic images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.conv_lstm import ConvLSTM
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
INPUT_BITS = 8
CITATION = (
    "A. Abuolaim, M. Delbracio, D. Kelly, M. S. Brown and P. Milanfar, 'Learning to Reduce "
    "Defocus Blur by Realistically Modeling Dual-Pixel Data', ICCV 2021, pp. 2289-2298, "
    "arXiv:2012.03255"
)
LICENCE = "Apache-2.0 (own implementation; the authors' program is Apache-2.0 too)"
BOUNDED = "the authors' program clips its output to [0, 1]"
UNTRAINED = {
    "convlstm.recurrent.weight": "a single image meets the zero state only; sequences train it"
}
"""Parameters that receive no gradient through `forward`, and why."""


class RDPD(UNet):
    """DPDNet's U-Net at half the width, with a ConvLSTM over the frames as the bottleneck.

    Inside, images are BGR, and the distance of each pixel from the image center is a seventh
    channel. The output is clipped to [0, 1], as in the authors' program.

    Args:
        width: channels of the first level; 32 as published.
        variant: `official`; or `table1`, whose counts match those that the DMTNet paper prints: no
            seventh channel, a second convolution in the bottleneck, 3x3 up-convolutions. Published
            weights fit `official` only.
        dropout: dropout of the ConvLSTM's input in training; 0.4 in the authors' program.

    Raises:
        ValueError: there is no such variant.
    """

    def __init__(
        self, *, width: int = 32, variant: Variant = "official", dropout: float = 0.4
    ) -> None:
        wide = 16 * width
        with_mask = variant == "official"
        bottom: dict[str, nn.Module] = {"conv5_1": conv3x3(wide // 2, wide)}
        if variant == "table1":
            bottom["conv5_2"] = conv3x3(wide, wide)
        modules = {**bottom, "convlstm": ConvLSTM(wide, dropout)}
        super().__init__(VIEW_CHANNELS + with_mask, width, modules, variant)
        self.with_mask = with_mask
        self.bottom_convolutions = tuple(bottom)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | Tensor | None = None,
        full_size: tuple[int, int] | Tensor | None = None,
    ) -> Tensor:
        """Deblur independent images: sequences of one frame.

        Args:
            x: `[B, 6, H, W]`, left then right view, RGB in [0, 1].
            origin: row and column of the crop in the whole image, the same for all images or,
                as integers `[B, 2]`, of each; (0, 0) if absent.
            full_size: height and width of the whole image, or `[B, 2]`; by default, `x` is whole.

        Returns:
            `[B, 3, H, W]`, RGB in [0, 1].

        Raises:
            ValueError: the number of dimensions or channels is wrong, or a crop leaves the image.
        """
        check_views(x, 4)
        return self.forward_sequence(x[:, None], origin=origin, full_size=full_size)[:, 0]

    def forward_sequence(
        self,
        frames: Tensor,
        *,
        origin: tuple[int, int] | Tensor | None = None,
        full_size: tuple[int, int] | Tensor | None = None,
    ) -> Tensor:
        """Deblur sequences of frames; the state begins at zero.

        Frames are padded to multiples of 16 on the right and at the bottom, mask included, by
        reflection (zeros along a side too short for it), and the results are cropped; the authors'
        network takes multiples of 16 only.

        Args:
            frames: `[B, T, 6, H, W]`, left then right view, RGB in [0, 1].
            origin: as in `forward`, the same for all frames of a sequence.
            full_size: as in `forward`.

        Returns:
            `[B, T, 3, H, W]`, RGB in [0, 1].

        Raises:
            ValueError: the number of dimensions or channels is wrong, or a crop leaves the image.
        """
        check_views(frames, 5)
        batch, count, _, height, width = frames.shape
        x = swap_colors(frames)
        if self.with_mask:
            mask = radial_mask(x, origin, full_size)
            x = torch.cat([x, mask[:, None].expand(batch, count, -1, -1, -1)], dim=2)
        skips = self.encode(pad(x.flatten(0, 1)))
        bottom = self.run(functional.max_pool2d(skips[-1], 2), *self.bottom_convolutions)
        sequence = bottom.view(batch, count, *bottom.shape[1:])
        bottom = self.get_submodule("convlstm")(sequence).flatten(0, 1)
        restored = self.decode(bottom, skips).clamp(0, 1)[..., :height, :width]
        return swap_colors(restored).view(batch, count, 3, height, width)


def radial_mask(
    like: Tensor,
    origin: tuple[int, int] | Tensor | None = None,
    full_size: tuple[int, int] | Tensor | None = None,
) -> Tensor:
    """Distance of each pixel from the center of the whole image, 1 in the farthest corner.

    Rounded to multiples of 1/255, as in the authors' mask images.

    Args:
        like: `[B, ..., H, W]`, sets batch, size, device and type.
        origin: row and column of `like` in the whole image, or `[B, 2]` of them, on the CPU;
            (0, 0) if absent.
        full_size: height and width of the whole image, or `[B, 2]` on the CPU; those of `like` if
            absent.

    Returns:
        `[B, 1, H, W]` in [0, 1].

    Raises:
        ValueError: `like` extends beyond the whole image.
    """
    batch, size = like.shape[0], like.shape[-2:]
    corners = _pairs((0, 0) if origin is None else origin, batch)
    wholes = _pairs(size if full_size is None else full_size, batch)
    for place in zip(corners, wholes, strict=True):
        for first, side, last in zip(place[0], size, place[1], strict=True):
            if first < 0 or first + side > last:
                raise ValueError(
                    f"a crop of {tuple(size)} at {place[0]} leaves the image of {place[1]}"
                )
    # Single precision would round some distances to the wrong multiple.
    exact = partial(torch.tensor, dtype=torch.float64, device=like.device)
    corner, whole = exact(corners), exact(wholes)
    center = whole // 2
    rows, columns = (
        corner[:, axis, None] + torch.arange(side).to(whole) - center[:, axis, None]
        for axis, side in enumerate(size)
    )
    distance = (rows.square()[:, :, None] + columns.square()[:, None, :]).sqrt()
    farthest = center.square().sum(1).sqrt().clamp(min=1)[:, None, None]
    return ((255 * distance / farthest).round() / 255).to(like)[:, None]


def _pairs(values: Sequence[int] | Tensor, batch: int) -> list[tuple[int, int]]:
    """One pair per image, as Python numbers: comparing tensors on a GPU would wait for it."""
    listed = values.tolist() if isinstance(values, Tensor) else [values] * batch
    return [(row, column) for row, column in listed]


def build(**kwargs: Any) -> RDPD:
    """RDPD, freshly initialized; `kwargs` are constructor arguments.

    Raises:
        ValueError: there is no such variant.
        TypeError: unknown argument.
    """
    return RDPD(**kwargs)


def load_official(state: Published, **kwargs: Any) -> RDPD:
    """RDPD with published weights.

    Args:
        state: layers of a Keras file, or arrays by name; see `load_keras`.
        kwargs: constructor arguments.

    Raises:
        ValueError: the weights do not fit, or there is no such variant.
    """
    return load_keras(partial(build, **kwargs), state)
