"""Structural similarity in the variant of the DPDD benchmark (DPDNet, ECCV 2020).

The uniform 7x7 window matters: the Gaussian-weighted variant gives other values. The definition is
that of scikit-image's `structural_similarity`; the computation is ours and several times as fast:
four box filters instead of five, on tiles that stay in the caches and are shared among the threads
of the process. `benchmarks/metrics.py` compares the two.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]

UNIT = ""
HIGHER_IS_BETTER = True
_WINDOW = 7
_MARGIN = _WINDOW // 2
_C1, _C2 = 0.01**2, 0.03**2
# Sample covariance divides by one less than the number of pixels in the window.
_SAMPLE = _WINDOW**2 / (_WINDOW**2 - 1)
_TILE = (128, 256)
"""Height and width of a tile without the margin of its windows.

Small enough for the last cache, large enough that threads seldom wait for the interpreter's lock.
"""


def score(prediction: Image, target: Image) -> float:
    """SSIM per channel, 7x7 uniform window, sample covariance, data range 1, mean of channels.

    It takes as many threads as torch does in this process; their number does not change the result.

    >>> image = np.linspace(0, 1, 8 * 8 * 3).reshape(8, 8, 3)
    >>> score(image, image)
    1.0
    >>> round(score(1 - image, image), 3)
    -0.955

    Args:
        prediction: float64 `[H, W, 3]` in [0, 1].
        target: the ground truth, in the same format.

    Raises:
        ValueError: the image is smaller than the window.
    """
    import torch

    height, width, channels = target.shape
    if min(height, width) < _WINDOW:
        raise ValueError(f"SSIM needs at least {_WINDOW}x{_WINDOW} pixels, not {height}x{width}")
    size = (height - 2 * _MARGIN, width - 2 * _MARGIN)
    tiles = [_tile(*place) for place in product(*map(range, (0, 0), size, _TILE))]
    workers = min(torch.get_num_threads(), len(tiles))

    def sums_of(worker: int) -> list[float]:
        values = math.prod(side + 2 * _MARGIN for side in map(min, _TILE, size)) * channels
        buffers = np.empty((8, values))
        return [_sum(prediction[tile], target[tile], buffers) for tile in tiles[worker::workers]]

    if workers == 1:
        sums = sums_of(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            sums = [value for values in pool.map(sums_of, range(workers)) for value in values]
    # `fsum` rounds once: the order does not matter.
    return math.fsum(sums) / (math.prod(size) * channels)


def _tile(top: int, left: int) -> tuple[slice, slice]:
    """The pixels that the windows of one tile see."""
    height, width = (side + 2 * _MARGIN for side in _TILE)
    return slice(top, top + height), slice(left, left + width)


def _sum(x: Image, y: Image, buffers: NDArray[np.float64]) -> float:
    """Sum of the similarities of a tile's inner pixels.

    With means `a` and `b` of the window, of `xy` (`f`) and of `x^2 + y^2` (`g`), the similarity
    `(2ab + C1)(2 cov + C2) / ((a^2 + b^2 + C1)(var + C2))`, where `cov = s (f - ab)` and
    `var = s (g - a^2 - b^2)`, has two factors 2 and one `s` above and one `s` below to take out.
    """
    copies = buffers[:, : x.size].reshape(-1, *x.shape)
    copies[0], copies[1] = x, y
    x, y, products, squares, *means = copies
    np.multiply(x, y, out=products)
    np.multiply(x, x, out=squares)
    squares += np.multiply(y, y, out=means[0])
    for image, mean in zip((x, y, products, squares), means, strict=True):
        # Running sums: rounding errors add up along a side of the tile, not of the image.
        cv2.boxFilter(image, cv2.CV_64F, (_WINDOW, _WINDOW), dst=mean)
    # Whole rows are contiguous; the margins to the left and right are dropped at the end.
    a, b, f, g = (mean[_MARGIN:-_MARGIN] for mean in means)
    ab = np.multiply(a, b, out=products[_MARGIN:-_MARGIN])
    a *= a
    b *= b
    a += b
    f -= ab
    g -= a
    ab += _C1 / 2
    a += _C1
    f += _C2 / _SAMPLE / 2
    g += _C2 / _SAMPLE
    ab *= f
    a *= g
    ab /= a
    return 4 * float(ab[:, _MARGIN:-_MARGIN].sum())
