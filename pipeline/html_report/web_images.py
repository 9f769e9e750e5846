"""Images inside the page: small files as data addresses."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDEST, _WIDEST_MAP = 600, 300
"""Pixels; wider images are reduced, so that the page of a large set stays small."""

_LOSSLESS = 64
"""Images up to this side are kept exactly: the page enlarges them pixel by pixel."""

_QUALITY = 85


def photo(image: NDArray[np.uint8]) -> str:
    """A data address of an image.

    Args:
        image: uint8 `[H, W, 3]`, RGB.

    >>> photo(np.zeros((2, 2, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    if max(image.shape[:2]) <= _LOSSLESS:
        return _encoded(image[..., ::-1], "png", [])
    return _encoded(_reduced(image, _WIDEST)[..., ::-1], "webp", _webp())


def heat(values: NDArray[Any], low: float, high: float) -> str:
    """A data address of a map in colors from dark to light, as in the figures.

    Args:
        values: `[H, W]`.
        low, high: ends of the color scale.
    """
    share = (values.astype(np.float64) - low) / (high - low or 1.0)
    gray = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
    colored = cv2.applyColorMap(_reduced(gray, _WIDEST_MAP), cv2.COLORMAP_VIRIDIS)
    return _encoded(colored, "webp", _webp())


def _webp() -> list[int]:
    return [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]


def _reduced(image: NDArray[np.uint8], widest: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if width <= widest:
        return image
    size = (widest, max(1, round(height * widest / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(pixels: NDArray[Any], kind: str, options: list[int]) -> str:
    _, content = cv2.imencode(f".{kind}", np.ascontiguousarray(pixels), options)
    return f"data:image/{kind};base64,{base64.b64encode(content.tobytes()).decode()}"
