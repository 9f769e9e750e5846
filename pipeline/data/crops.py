"""Training crops: reading, flipping and scaling, batch by batch."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.patches import Draw
from pipeline.data.pixels import PixelStore

_SWAPPED = {"left": "right", "right": "left"}


def to_tensor(image: NDArray[np.uint16]) -> Tensor:
    """uint16 `[H, W, 3]` to float32 `[3, H, W]` in [0, 1]."""
    return scaled(np.ascontiguousarray(image.transpose(2, 0, 1)))


def scaled(planes: NDArray[np.uint16], *, pinned: bool = False) -> Tensor:
    """uint16 of any shape to float32 in [0, 1]: one correctly rounded division by 65535.

    Args:
        planes: the numbers.
        pinned: whether the result lies in page-locked memory.
    """
    tensor = torch.empty(planes.shape, pin_memory=pinned)
    values = tensor.numpy()
    np.copyto(values, planes)
    values /= np.float32(65535)
    return tensor


def at_depth(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """`values` as they are (16 bits), or what is left of them in 8, by truncation.

    The high byte v comes back as 257 v, which is to 65535 as v is to 255.
    """
    return values if bits == 16 else np.multiply(values >> 8, 257, dtype=np.uint16)


class CropReader:
    """Reads crops of a pixel store.

    Args:
        store: the pixel store.
        views: views in the channel order that the method expects; the target follows.
        flip_swaps_views: whether a horizontal flip also exchanges left and right, as mirroring
            the scene in front of the camera would. The paper's plain flip does not.
    """

    def __init__(
        self, store: PixelStore, views: tuple[str, ...], *, flip_swaps_views: bool
    ) -> None:
        self.store = store
        self.views = (*views, "target")
        self.flip_swaps_views = flip_swaps_views

    def read_batch(self, planes: NDArray[np.uint16], draws: list[Draw]) -> None:
        """Read one crop after the other into `planes`.

        Args:
            planes: `[len(draws), 3 * (views + 1), size, size]`, contiguous; the target comes last.
            draws: where the crops lie and how they are flipped.
        """
        places = [
            (draw.window.top, draw.window.left, draw.window.size, draw.window.size)
            for draw in draws
        ]
        for draw, place in zip(draws, places, strict=True):
            self.store.will_need(draw.window.scene, place, self.views)
        for crop, draw, place in zip(planes, draws, places, strict=True):
            swap = self.flip_swaps_views and draw.flip_horizontal
            names = [_SWAPPED.get(view, view) if swap else view for view in self.views]
            upright = crop[:, ::-1] if draw.flip_vertical else crop
            self.store.read_into(upright, draw.window.scene, place, names)
            if draw.flip_horizontal:
                rows = crop.reshape(-1, crop.shape[-1])
                cv2.flip(rows, 1, dst=rows)
