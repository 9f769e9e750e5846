"""The eight orientations of EXIF: how stored pixels are turned to be upright."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror an image `[H, W, ...]` as its EXIF orientation, 1 to 8, demands.

    >>> stored = np.array([[1, 2, 3], [4, 5, 6]])
    >>> upright(stored, 6).tolist()
    [[4, 1], [5, 2], [6, 3]]
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    # Which sides of the result are those of the stored image (EXIF 2.32, 4.6.5.A).
    rows_reversed = orientation in (3, 4, 7, 8)
    columns_reversed = orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(
        pixels[:: -1 if rows_reversed else 1, :: -1 if columns_reversed else 1]
    )
