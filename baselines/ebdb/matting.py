"""Propagation from the edges to every pixel by the matting Laplacian, for the ablation.

A. Levin, D. Lischinski and Y. Weiss, 'A Closed-Form Solution to Natural Image Matting', TPAMI
2008, equation 12; used for defocus maps by S. Zhuo and T. Sim, Pattern Recognition 2011.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg

Floats = NDArray[np.float64]

_EPSILON = 1e-5
_WINDOW = 3
_PIXELS = _WINDOW**2
_MAX_ITER = 600
_TOLERANCE = 1e-5


def interpolate(
    image: Floats, blur: Floats, mask: NDArray[np.bool_], start: Floats, matting_lambda: float
) -> Floats:
    """Solve `(L + lambda D) m = lambda D s` by at most 600 steps of conjugate gradients.

    L is the image's matting Laplacian, D the diagonal matrix of the mask and s the blur at the
    edges. The steps usually end before they reach the tolerance of 1e-5, so the result depends on
    `start`.

    Args:
        image: `[H, W, 3]`, RGB, encoded values in [0, 1].
        blur: `[H, W]`, sigma in px on the mask.
        mask: `[H, W]`, where `blur` is known.
        start: `[H, W]`, the map to start from.
        matting_lambda: weight of the known values.

    Returns:
        `[H, W]`, sigma in px; it may leave the range of `blur`.
    """
    known = matting_lambda * mask.ravel()
    system = matting_laplacian(image) + sparse.diags_array(known)
    jacobi = sparse.diags_array(1 / system.diagonal())
    found, _ = cg(
        system,
        known * blur.ravel(),
        start.ravel(),
        rtol=_TOLERANCE,
        maxiter=_MAX_ITER,
        M=jacobi,
    )
    return np.asarray(found, np.float64).reshape(mask.shape)


def matting_laplacian(image: Floats, epsilon: float = _EPSILON) -> sparse.dia_array:
    """The matting Laplacian over the 3x3 windows that lie within the image.

    Args:
        image: `[H, W, 3]`, H at least 3 and W at least 5.
        epsilon: variance by which a window's colors may deviate from a line.

    Returns:
        Symmetric, `[H * W, H * W]`; storing its 25 diagonals takes half the time and memory of
        other sparse formats.
    """
    height, width = image.shape[:2]
    windows = sliding_window_view(image, (_WINDOW, _WINDOW), (0, 1))
    mean = windows.mean((3, 4))
    inverse = np.linalg.inv(_covariance(windows) + epsilon / _PIXELS * np.eye(3))
    reach = range(1 - _WINDOW, _WINDOW)
    diagonals = {step: np.zeros((height, width)) for step in product(reach, repeat=2)}
    places = [*product(range(_WINDOW), repeat=2)]
    for y, x in places:
        whitened = np.einsum("hwij,hwj->hwi", inverse, windows[..., y, x] - mean)
        # A diagonal is stored by its columns.
        columns = slice(y, height + y - _WINDOW + 1), slice(x, width + x - _WINDOW + 1)
        for row_y, row_x in places:
            affinity = 1 + ((windows[..., row_y, row_x] - mean) * whitened).sum(2)
            same = float((y, x) == (row_y, row_x))
            diagonals[y - row_y, x - row_x][columns] += same - affinity / _PIXELS
    offsets = [down * width + right for down, right in diagonals]
    data = np.stack([values.ravel() for values in diagonals.values()])
    return sparse.dia_array((data, offsets), shape=(height * width, height * width))


def _covariance(windows: Floats) -> Floats:
    """Covariance of the colors in each window: `[h, w, 3 colors, 3, 3]` to `[h, w, 3, 3]`."""
    mean = windows.mean((3, 4))
    square = np.einsum("hwiyx,hwjyx->hwij", windows, windows)
    return np.asarray(square / _PIXELS - mean[..., None] * mean[..., None, :], np.float64)
