"""Structural similarity in the variant of the DPDD benchmark (DPDNet, ECCV 2020).

The uniform 7x7 window matters: the Gaussian-weighted variant gives other values. The definition is
that of scikit-image's `structural_similarity`; the computation is ours and several times as fast:
four box filters instead of five per channel, on strips of rows that stay in the caches and are
shared among the threads of the process. `benchmarks/metrics.py` compares the two.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

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
_STRIP = 16


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
    tops = range(0, height - 2 * _MARGIN, _STRIP)
    workers = min(torch.get_num_threads(), len(tops))

    def summed(worker: int) -> list[float]:
        buffers = np.empty((6, _STRIP + 2 * _MARGIN, width, channels))
        rows = (slice(top, top + _STRIP + 2 * _MARGIN) for top in tops[worker::workers])
        return [_sum_of_strip(prediction[part], target[part], buffers) for part in rows]

    if workers == 1:
        sums = summed(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            sums = [part for parts in pool.map(summed, range(workers)) for part in parts]
    # `fsum` rounds once: which thread added a strip does not matter.
    pixels = (height - 2 * _MARGIN) * (width - 2 * _MARGIN)
    return math.fsum(sums) / (pixels * channels)


def _sum_of_strip(x: Image, y: Image, buffers: Image) -> float:
    """Sum of the similarities of a strip's inner pixels.

    With means `a` and `b` of the window, of `xy` (`f`) and of `x^2 + y^2` (`g`), the similarity
    `(2ab + C1)(2 cov + C2) / ((a^2 + b^2 + C1)(var + C2))`, where `cov = s (f - ab)` and
    `var = s (g - a^2 - b^2)`, has two factors 2 and one `s` above and one `s` below to take out.
    """
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    product, squares, *means = (buffer[: len(x)] for buffer in buffers)
    np.multiply(x, y, out=product)
    np.multiply(x, x, out=squares)
    squares += np.multiply(y, y, out=means[0])
    for image, mean in zip((x, y, product, squares), means, strict=True):
        # In float64; sums run along a row of the image and a column of the strip only, so that
        # rounding errors stay far below C2.
        cv2.boxFilter(image, cv2.CV_64F, (_WINDOW, _WINDOW), dst=mean)
    inner = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    a, b, f, g = (mean[inner] for mean in means)
    ab = np.multiply(a, b, out=product[inner])
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
    return 4 * float(ab.sum())
