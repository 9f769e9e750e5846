"""Large sharp images with few depths: panels of real photographs, side by side."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.data.synthetic.dual_pixel import Radii
from pipeline.data.synthetic.scenes import Floats, bundled_image

MAX_MOSAIC_RADIUS = 12
"""Largest circle-of-confusion radius of a panel, in pixels."""

PANEL_PX = 400
"""Approximate side of a panel, about that of the photographs."""

# Photographs rich in detail; the bundled retina and night sky are mostly one color.
_IMAGES = (
    *("astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "rocket.jpg"),
    "motorcycle_left.png",
)
_LARGEST_ZOOM = 1.3
_RADII = tuple(r for r in range(-MAX_MOSAIC_RADIUS, MAX_MOSAIC_RADIUS + 1) if abs(r) >= 2)


class Mosaic(NamedTuple):
    """A sharp image, float64 [H, W, 3] in 0..1, and its signed radii in pixels [H, W]."""

    sharp: Floats
    radius: Radii


def mosaic(size: tuple[int, int], random: np.random.Generator) -> Mosaic:
    """Random parts of the photographs bundled with scikit-image, at about native resolution.

    Each panel has its own depth, in front of the focal plane or behind it; an image has three to
    five different radii, of both signs, because every radius costs a convolution.

    Args:
        size: height and width in pixels.
        random: source of all randomness.

    Raises:
        DataError: a photograph is missing from the installed scikit-image.
    """
    rows, columns = (
        np.linspace(0, side, max(2, round(side / PANEL_PX)) + 1).astype(int) for side in size
    )
    corners = [(top, left) for top in range(len(rows) - 1) for left in range(len(columns) - 1)]
    radii = _draw_radii(min(5, len(corners)), random)
    sharp, radius = np.empty((*size, 3)), np.empty(size, dtype=np.int64)
    for number, place in enumerate(random.permutation(len(corners))):
        top, left = corners[place]
        here = slice(rows[top], rows[top + 1]), slice(columns[left], columns[left + 1])
        sharp[here] = _panel(sharp[here].shape[:2], random)
        radius[here] = radii[number % len(radii)]
    return Mosaic(sharp, radius)


def _draw_radii(most: int, random: np.random.Generator) -> list[int]:
    count = int(random.integers(3, most + 1))
    while True:
        radii = random.choice(_RADII, count, replace=False)
        if radii.min() < 0 < radii.max():
            return [int(radius) for radius in radii]


def _panel(size: tuple[int, ...], random: np.random.Generator) -> Floats:
    image = _photograph(_IMAGES[random.integers(len(_IMAGES))])
    least = max(1.0, size[0] / image.shape[0], size[1] / image.shape[1])
    zoom = least * random.uniform(1, _LARGEST_ZOOM)
    height, width = (max(1, int(side / zoom)) for side in size)
    top = random.integers(image.shape[0] - height + 1)
    left = random.integers(image.shape[1] - width + 1)
    part = image[top : top + height, left : left + width]
    if random.random() < 0.5:
        part = part[:, ::-1]
    enlarged = cv2.resize(
        np.ascontiguousarray(part), (size[1], size[0]), interpolation=cv2.INTER_CUBIC
    )
    return np.clip(np.asarray(enlarged, np.float64), 0, 1)


@lru_cache(maxsize=len(_IMAGES))
def _photograph(file_name: str) -> Floats:
    return bundled_image(file_name)
