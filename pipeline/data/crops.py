"""Training crops as tensors: reading, flipping and scaling."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.data.patches import Draw
from pipeline.data.store import PixelStore

_SWAPPED = {"left": "right", "right": "left"}


def to_tensor(image: NDArray[np.uint16]) -> Tensor:
    """uint16 `[H, W, 3]` to float32 `[3, H, W]` in [0, 1]."""
    scaled = image.astype(np.float32) / np.float32(65535)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


class CropDataset(Dataset[tuple[Tensor, Tensor]]):
    """Crops of a pixel store, addressed by `Draw`.

    Args:
        store: the pixel store.
        views: views in the channel order that the method expects.
        flip_swaps_views: whether a horizontal flip also exchanges left and right, as mirroring
            the scene in front of the camera would. The paper's plain flip does not.
    """

    def __init__(
        self, store: PixelStore, views: tuple[str, ...], *, flip_swaps_views: bool
    ) -> None:
        self.store = store
        self.views = views
        self.flip_swaps_views = flip_swaps_views

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """Input `[3 * views, h, w]` and target `[3, h, w]`, float32 in [0, 1]."""
        window = draw.window
        scene = self.store.read(window.scene, (window.top, window.left, window.size, window.size))
        swap = self.flip_swaps_views and draw.flip_horizontal
        names = [_SWAPPED.get(view, view) if swap else view for view in self.views]
        axes = [axis for axis, flip in ((1, draw.flip_vertical), (2, draw.flip_horizontal)) if flip]
        pair = [torch.cat([to_tensor(scene[name]) for name in names]), to_tensor(scene["target"])]
        flipped = [tensor.flip(axes) if axes else tensor for tensor in pair]
        return flipped[0], flipped[1]
