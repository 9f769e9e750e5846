"""The matting Laplacian and its solution, against dense matrices."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from baselines.ebdb.matting import interpolate, matting_laplacian

EPSILON = 1e-5


def dense_laplacian(image: Any) -> Any:
    """Window by window, as the paper's equation has it."""
    height, width = image.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    total = np.zeros((height * width, height * width))
    for y, x in product(range(height - 2), range(width - 2)):
        at = number[y : y + 3, x : x + 3].ravel()
        colors = image.reshape(-1, 3)[at]
        centered = colors - colors.mean(0)
        inverse = np.linalg.inv(centered.T @ centered / 9 + EPSILON / 9 * np.eye(3))
        total[np.ix_(at, at)] += np.eye(9) - (1 + centered @ inverse @ centered.T) / 9
    return total


def test_laplacian() -> None:
    image = np.random.default_rng(0).random((7, 6, 3))
    found = matting_laplacian(image).toarray()
    np.testing.assert_allclose(found, dense_laplacian(image), rtol=0, atol=1e-10)


def test_linear_colors_are_free() -> None:
    image = np.random.default_rng(1).random((8, 9, 3))
    matte = image @ [0.2, -0.5, 0.9] + 0.3
    left = matte.ravel() @ (matting_laplacian(image, epsilon=1e-12) @ matte.ravel())
    assert abs(left) < 1e-8


def test_interpolation_solves_the_system() -> None:
    rng = np.random.default_rng(2)
    image, blur, mask = rng.random((8, 9, 3)), rng.random((8, 9)), rng.random((8, 9)) < 0.5
    known = np.diag(0.1 * mask.ravel())
    wanted = np.linalg.solve(dense_laplacian(image) + known, known @ blur.ravel())
    found = interpolate(image, blur, mask, np.zeros((8, 9)), 0.1)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=0, atol=1e-4)
