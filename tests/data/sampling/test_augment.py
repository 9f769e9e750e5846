"""Noise, grayscale and shrinking of training crops."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.sampling.augment import altered


def change(planes: NDArray[np.uint16], side: int | None = None, **how: Any) -> NDArray[np.uint16]:
    settings = {"sigma": 0.0, "noise_seed": 0, "grayscale": False, **how}
    return altered(planes, planes.shape[-1] if side is None else side, **settings)


def planes(side: int = 40, low: int = 0, high: int = 65536) -> NDArray[np.uint16]:
    return np.random.default_rng(2).integers(low, high, (9, side, side), dtype=np.uint16)


def test_without_changes_every_value_stays() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(1, 256, 256)
    values = np.concatenate([values] * 9)
    np.testing.assert_array_equal(change(values), values)


def test_noise_is_the_same_on_all_views_and_absent_on_the_target() -> None:
    before = planes(200, 30000, 35000)
    after = change(before, sigma=0.05, noise_seed=3)
    fields = (after.astype(np.int64) - before).reshape(3, 3, 200, 200)
    # Rounded to 16 bits for each view on its own.
    assert np.abs(fields[0] - fields[1]).max() <= 1
    assert not fields[2].any()
    field = fields[0] / 65535
    assert abs(field.std() - 0.05) < 0.001
    assert abs(field.mean()) < 0.001
    # Channels have fields of their own, crops too.
    assert abs(np.corrcoef(field.reshape(3, -1))[0, 1]) < 0.02
    other = change(before, sigma=0.05, noise_seed=4).astype(np.int64) - before
    assert abs(np.corrcoef(other[0].ravel(), fields[0, 0].ravel())[0, 1]) < 0.02


def test_noise_is_clipped() -> None:
    before = np.concatenate([np.zeros((4, 50, 50), np.uint16), np.full((5, 50, 50), 65535, "u2")])
    after = change(before, sigma=0.1)
    assert 0.4 < (after[:6] == before[:6]).mean() < 0.6
    assert abs(int(after[0].max()) - 0.3 * 65535) < 10000


@pytest.mark.parametrize(
    ("color", "gray"),
    [
        # 1.055 * (0.2126 * 0.2 + 0.7152 * 0.4 + 0.07228 * 0.6) ** (1 / 2.4) - 0.055
        ((13107, 26214, 39321), 42185),
        # The straight part: 12.92 * (0.2126 * 131 + 0.7152 * 66 + 0.07228 * 197) = 1153.7
        ((131, 66, 197), 1154),
        # The weights' sum is 1.00008.
        ((65535, 65535, 65535), 65535),
        ((0, 0, 0), 0),
    ],
)
def test_grayscale_of_a_pixel(color: tuple[int, int, int], gray: int) -> None:
    before = np.zeros((9, 2, 2), np.uint16)
    before[:, 1, 0] = color * 3
    after = change(before, grayscale=True)
    assert after[:, 1, 0].tolist() == [gray] * 9
    assert not after[:, 0].any()


@pytest.mark.parametrize("side", [28, 33, 39, 40])
def test_shrinking_is_that_of_each_plane(side: int) -> None:
    before = planes()
    after = change(before, side)
    for one, plane in zip(after, before, strict=True):
        exact = cv2.resize(plane / 65535, (side, side), interpolation=cv2.INTER_AREA) * 65535
        np.testing.assert_allclose(one, exact, atol=0.51)


def test_halving_takes_means_of_four() -> None:
    before = planes()
    means = before.reshape(9, 20, 2, 20, 2).mean((2, 4))
    np.testing.assert_allclose(change(before, 20), means, atol=0.51)


def test_noise_comes_first_then_gray_then_the_smaller_image() -> None:
    before = planes(40, 20000, 40000)
    together = change(before, 20, sigma=0.05, noise_seed=9, grayscale=True)
    one_by_one = change(change(change(before, sigma=0.05, noise_seed=9), grayscale=True), 20)
    np.testing.assert_allclose(together.astype(int), one_by_one.astype(int), atol=2)
    turned_round = change(change(before, 20), grayscale=True)
    assert np.abs(together[-3:].astype(int) - turned_round[-3:]).max() > 2
