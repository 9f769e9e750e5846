"""Do two images show the same scene? A cheap check on small, band-passed gray images.

Both images are shrunk to a short side of about 128 pixels and high-pass filtered, because different
scenes share slow brightness changes (sky above, ground below); then the center of one is located
in the other by normalized cross-correlation. The thresholds rest on dead-leaves images and
photographs at 256x384 pixels: blurred with radii up to 14 pixels, the views of a scene reach at
least 0.98 and its target 0.86 (up to 40 pixels: 0.96 and 0.61); images of other scenes reach at
most 0.50. At 1120x1680 it is 0.98 against 0.13. In smaller images the ranges begin to overlap.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from pipeline.data.bit_depth import PEAK

MIN_SIDE = 256
"""Smallest side, in pixels, of an image that can be judged."""

MIN_CORRELATION = {"left": 0.85, "right": 0.85, "target": 0.55}
"""Required correlation with the combined view of the scene, by view."""

MAX_SHIFT = 16
"""Largest displacement in pixels; the published targets lie within 4 of their sources."""

_SHORT_SIDE = 128
_REACH = 32
_BAND = 4
# Increase in correlation above which a displacement beyond `MAX_SHIFT` is accepted.
_GAIN = 0.03
# Standard deviation of gray levels in [0, 1] below which a shrunk image is too flat to compare.
_FLAT = 0.002
_GRAY = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(PEAK)

Gray = NDArray[np.float32]


class Registration(BaseModel):
    """Alignment of an image with its combined view.

    `correlation`: -1 to 1, the best within `MAX_SHIFT`. `shift`: displacement to the right and
    down in pixels, at the resolution of the shrunk images. `displaced`: whether a displacement
    beyond `MAX_SHIFT` fits clearly better than any within it.
    """

    correlation: float
    shift: tuple[float, float]
    displaced: bool


def shrink(image: NDArray[np.uint16]) -> Gray:
    """Shrink an image to a small gray one, band-pass filtered.

    Args:
        image: uint16 [H, W, 3], RGB.

    Returns:
        float32 [h, w] around 0, on the scale of gray levels in [0, 1].
    """
    factor = _factor(image.shape)
    size = (round(image.shape[1] / factor), round(image.shape[0] / factor))
    small: Any = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor > 1 else image
    gray = small.astype(np.float32) @ _GRAY
    return gray - cv2.GaussianBlur(gray, (0, 0), min(gray.shape) / _BAND)


def register(combined: Gray, other: Gray, shape: tuple[int, ...]) -> Registration | None:
    """Locate one shrunk image in another.

    Args:
        combined: the combined view, from `shrink`.
        other: another image of the same size, from `shrink`.
        shape: height and width of the images before shrinking.

    Returns:
        The alignment; `None` if the images are too small or too flat to be judged.
    """
    if min(shape[:2]) < MIN_SIDE or min(combined.std(), other.std()) < _FLAT:
        return None
    factor = _factor(shape)
    reach = int(np.ceil(_REACH / factor))
    center = combined[reach:-reach, reach:-reach]
    if center.std() < _FLAT:
        return None
    scores = cv2.matchTemplate(other, center, cv2.TM_CCOEFF_NORMED)
    near = int(np.ceil(MAX_SHIFT / factor))
    within = scores[reach - near : reach + near + 1, reach - near : reach + near + 1]
    displaced = bool(scores.max() - within.max() >= _GAIN)
    area, offset = (scores, reach) if displaced else (within, near)
    y, x = np.unravel_index(int(area.argmax()), area.shape)
    shift = (float(x - offset) * factor, float(y - offset) * factor)
    return Registration(correlation=float(within.max()), shift=shift, displaced=displaced)


def misplaced(view: str, alignment: Registration) -> str | None:
    """The problem with a view that is aligned like this; `None` if there is none."""
    if alignment.correlation < MIN_CORRELATION[view]:
        return (
            f"does not show the scene of its combined view (correlation "
            f"{alignment.correlation:.2f}, at least {MIN_CORRELATION[view]})"
        )
    if alignment.displaced:
        x, y = alignment.shift
        return f"is displaced by about {x:.0f}, {y:.0f} pixels from its combined view"
    return None


def _factor(shape: tuple[int, ...]) -> float:
    return max(1.0, min(shape[:2]) / _SHORT_SIDE)
