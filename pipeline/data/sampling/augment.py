"""Changes of a training crop's values: noise, grayscale and a smaller image, as IFAN trains."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.bit_depth import PEAK, to_uint16

GRAY_WEIGHTS = (0.2126, 0.7152, 0.07228)
"""Of red, green and blue. The last one is the authors'; 0.0722 would make the sum 1."""


def altered(
    planes: NDArray[np.uint16], side: int, *, sigma: float, noise_seed: int, grayscale: bool
) -> NDArray[np.uint16]:
    """A crop with noise, in gray and shrunk, in this order.

    Args:
        planes: `[3 * (views + 1), S, S]`, 65535 for 1; the target comes last.
        side: of the result; the crop is shrunk to it by area means.
        sigma: deviation of the Gaussian noise, in [0, 1]; the same field is added to all views,
            none to the target. 0: no noise.
        noise_seed: of the noise field.
        grayscale: whether views and target lose their colors.

    Returns:
        `[3 * (views + 1), side, side]`, clipped to [0, 1] and rounded to 16 bits. The authors keep
        single precision; that is 2000 times finer than the 8 bits that they read.
    """
    images = planes.reshape(-1, 3, *planes.shape[1:]).astype(np.float32)
    images /= PEAK
    if sigma:
        random = np.random.default_rng(noise_seed)
        field = random.standard_normal(images.shape[1:], dtype=np.float32)
        views = images[:-1]
        views += np.float32(sigma) * field
        np.clip(views, 0, 1, out=views)
    if grayscale:
        images[:] = _gray(images)[:, None]
    values = images.reshape(planes.shape)
    if side != planes.shape[-1]:
        shrunk = [cv2.resize(v, (side, side), interpolation=cv2.INTER_AREA) for v in values]
        values = np.stack(shrunk)
    return to_uint16(values)


def _gray(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gray values `[N, H, W]` of RGB images `[N, 3, H, W]`.

    The weights are those of linear light and the curve is sRGB's; the authors apply both to values
    that have the curve already.
    """
    red, green, blue = images.swapaxes(0, 1)
    light = GRAY_WEIGHTS[0] * red + GRAY_WEIGHTS[1] * green + GRAY_WEIGHTS[2] * blue
    bright = 1.055 * light ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, bright).astype(np.float32)
