"""Decoded samples of any kind as 16-bit RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.bit_depth import widened
from pipeline.data.photographs.photograph import damaged
from pipeline.data.png import Image
from pipeline.errors import DataError


def to_rgb(path: Path, image: NDArray[Any], *, blue_first: bool = False) -> Image:
    """Gray, RGB, or either with an opaque alpha channel, as uint16 `[H, W, 3]`, RGB.

    Args:
        path: origin of the image, for messages.
        image: uint8 or uint16, `[H, W]` or `[H, W, C]` with 1 to 4 channels.
        blue_first: whether three or four channels are in the order of OpenCV.

    Raises:
        DataError: some pixels are transparent, or there are other channels.
    """
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4):
        damaged(path, f"it decodes to an array of shape {image.shape}")
    channels = image.shape[2]
    if channels in (2, 4):
        if image[..., -1].min() < np.iinfo(image.dtype).max:
            raise DataError(f"{path}: has transparent pixels; flatten it and export it again")
        image = image[..., :-1]
    if channels <= 2:
        image = np.broadcast_to(image, (*image.shape[:2], 3))
    elif blue_first:
        image = image[..., ::-1]
    if image.dtype == np.uint8:
        return widened(image)
    return np.ascontiguousarray(image, np.uint16)
