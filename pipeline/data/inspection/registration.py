"""Do two pictures show the same scene? A cheap check on small, band-passed grey pictures.

Both pictures are shrunk to a short side of about 128 pixels and freed of slow brightness changes,
which different scenes share (sky above, ground below); then the centre of one is looked for in
the other by normalised cross-correlation. Figures behind the thresholds, from dead leaves and
photographs at 256x384 pixels: blurred with radii up to 14 pixels, the views of a scene reach at
least 0.98 and its target 0.86 (up to 40 pixels: 0.96 and 0.61); pictures of other scenes reach at
most 0.50. At 1120x1680 it is 0.98 against 0.13. In smaller pictures the ranges begin to overlap.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

MIN_SIDE = 256
"""Smaller pictures cannot be judged (pixels)."""

MIN_CORRELATION = {"left": 0.85, "right": 0.85, "target": 0.55}
"""What a picture must reach against the combined view of its scene."""

MAX_SHIFT = 16
"""Largest displacement in pixels; the published targets lie within 4 of their sources."""

_SHORT_SIDE = 128
_REACH = 32
_BAND = 4
# Correlation that a displacement beyond `MAX_SHIFT` must gain to be believed.
_GAIN = 0.03
# Grey levels (of 1) below which a shrunk picture holds nothing to compare.
_FLAT = 0.002
_GREY = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(65535)

Grey = NDArray[np.float32]


class Registration(BaseModel):
    """How a picture lies on its combined view.

    `correlation`: -1 to 1, the best within `MAX_SHIFT`. `shift`: displacement to the right and
    down in pixels, as coarse as the shrunk pictures. `displaced`: whether a displacement beyond
    `MAX_SHIFT` fits clearly better than any within.
    """

    correlation: float
    shift: tuple[float, float]
    displaced: bool


def shrink(picture: NDArray[np.uint16]) -> Grey:
    """A small grey picture, band-passed.

    Args:
        picture: uint16 [H, W, 3], RGB.

    Returns:
        float32 [h, w] around 0, grey levels of 1.
    """
    factor = _factor(picture.shape)
    size = (round(picture.shape[1] / factor), round(picture.shape[0] / factor))
    small: Any = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if factor > 1 else picture
    grey = small.astype(np.float32) @ _GREY
    return grey - cv2.GaussianBlur(grey, (0, 0), min(grey.shape) / _BAND)


def register(combined: Grey, other: Grey, shape: tuple[int, ...]) -> Registration | None:
    """Look for one shrunk picture in another.

    Args:
        combined: the combined view, from `shrink`.
        other: another picture of the same size, from `shrink`.
        shape: height and width of the pictures before.

    Returns:
        Where it lies; `None` if the pictures are too small or too flat to be judged.
    """
    if min(shape[:2]) < MIN_SIDE or min(combined.std(), other.std()) < _FLAT:
        return None
    factor = _factor(shape)
    reach = int(np.ceil(_REACH / factor))
    centre = combined[reach:-reach, reach:-reach]
    if centre.std() < _FLAT:
        return None
    found = cv2.matchTemplate(other, centre, cv2.TM_CCOEFF_NORMED)
    near = int(np.ceil(MAX_SHIFT / factor))
    within = found[reach - near : reach + near + 1, reach - near : reach + near + 1]
    displaced = bool(found.max() - within.max() >= _GAIN)
    area, offset = (found, reach) if displaced else (within, near)
    y, x = np.unravel_index(int(area.argmax()), area.shape)
    shift = (float(x - offset) * factor, float(y - offset) * factor)
    return Registration(correlation=float(within.max()), shift=shift, displaced=displaced)


def misplaced(view: str, found: Registration) -> str | None:
    """What is wrong with a view that lies like this on its combined view; `None` if nothing."""
    if found.correlation < MIN_CORRELATION[view]:
        return (
            f"does not show the scene of its combined view (correlation {found.correlation:.2f}, "
            f"at least {MIN_CORRELATION[view]})"
        )
    if found.displaced:
        x, y = found.shift
        return f"lies about {x:.0f}, {y:.0f} pixels beside its combined view"
    return None


def _factor(shape: tuple[int, ...]) -> float:
    return max(1.0, min(shape[:2]) / _SHORT_SIDE)
