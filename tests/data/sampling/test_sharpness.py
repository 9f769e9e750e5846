"""The sharpness filter: its golden from the official code, and every kernel from its factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from pipeline.config.blocks import Patches
from pipeline.data.sampling.sharpness import (
    KERNELS,
    gradient_energies,
    kept_windows,
    sharpness_scores,
)
from pipeline.data.sampling.windows import image_windows

PAPER = Patches(size=512, overlap=0.6, discard=0.3)

# Made once with the official code on the image of `golden_image`.
KEPT = [
    *[(0, 204), (0, 408), (0, 612), (0, 816), (0, 1020), (0, 1168), (608, 1168)],
    *[(204, 408), (204, 612), (204, 816), (204, 1020), (204, 1168)],
    *[(408, 408), (408, 612), (408, 816), (408, 1020), (408, 1168)],
    *[(608, 612), (608, 816), (608, 1020)],
]
ENERGIES = [8.476564443e8, 2.046644006e11, 5.040721785e13, 1.2517144858e16]

# Derivative and smoothing of the kernels that OpenCV is asked for.
FACTORS = {
    3: ([-1, 0, 1], [1, 2, 1]),
    7: ([-1, -4, -5, 0, 5, 4, 1], [1, 6, 15, 20, 15, 6, 1]),
    11: (
        [-1, -8, -27, -48, -42, 0, 42, 48, 27, 8, 1],
        [1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1],
    ),
    15: (
        [-1, -12, -65, -208, -429, -572, -429, 0, 429, 572, 429, 208, 65, 12, 1],
        [1, 14, 91, 364, 1001, 2002, 3003, 3432, 3003, 2002, 1001, 364, 91, 14, 1],
    ),
}


def golden_image() -> NDArray[np.uint16]:
    blocks = np.random.RandomState(5).random_sample((70, 105))
    noise = blocks.repeat(16, axis=0).repeat(16, axis=1)
    amplitude = np.linspace(0.05, 1, 1680) * np.linspace(1, 0.3, 1120)[:, None]
    plane = (32768 + 64000 * (noise - 0.5) * amplitude).astype(np.uint16)
    return np.stack([plane] * 3, axis=2)


def test_the_golden_of_the_official_code() -> None:
    image = golden_image()
    places = image_windows(1120, 1680, PAPER)
    energies = np.array(
        [gradient_energies(image[top : top + 512, left : left + 512]) for top, left in places]
    )
    np.testing.assert_allclose(energies[0], ENERGIES, rtol=1e-9)
    kept = kept_windows(sharpness_scores(energies), PAPER.discard)
    assert [place for place, keep in zip(places, kept, strict=True) if keep] == KEPT


def test_energies_from_the_factors_of_the_kernels() -> None:
    image = np.random.default_rng(3).integers(0, 65536, (40, 53, 3), dtype=np.uint16)
    gray = np.rint(image @ np.array([0.299, 0.587, 0.114]))
    for energy, size in zip(gradient_energies(image), KERNELS, strict=True):
        slope, smooth = (np.array(factor, float) for factor in FACTORS[size])
        across, down = (
            # SciPy's `mirror` is OpenCV's reflect-101.
            correlate1d(
                correlate1d(gray, slope, axis=axis, mode="mirror"),
                smooth,
                axis=1 - axis,
                mode="mirror",
            )
            for axis in (1, 0)
        )
        # Gray values are rounded from 14-bit weights: off by one now and then.
        assert energy == pytest.approx(np.hypot(across, down).sum(), rel=1e-4)
        if size == 3:
            assert energy != pytest.approx(np.abs(across).sum(), rel=1e-2)


def test_red_weighs_as_red() -> None:
    image = np.zeros((32, 32, 3), np.uint16)
    image[:, 16:, 0] = 10000
    red = gradient_energies(image)
    blue = gradient_energies(image[..., ::-1])
    np.testing.assert_allclose(np.divide(red, blue), 2990 / 1140, rtol=1e-3)


def test_scores_by_hand() -> None:
    energies = np.array([[1.0, 5.0], [3.0, 5.5], [2.0, 7.0]])
    np.testing.assert_allclose(sharpness_scores(energies), [0, 0.25, 0.5])


def test_a_image_without_detail_loses_its_first_windows() -> None:
    flat = np.full((64, 64, 3), 30000, np.uint16)
    scores = sharpness_scores(np.array([gradient_energies(flat)] * 10))
    np.testing.assert_array_equal(scores, np.ones(10))
    assert kept_windows(scores, 0.3).tolist() == [False] * 3 + [True] * 7


def test_a_scale_without_differences_has_no_say() -> None:
    scores = sharpness_scores(np.array([[4.0, 1.0], [4.0, 3.0], [4.0, 2.0]]))
    np.testing.assert_allclose(scores, [0, 1, 0.5])


def test_of_equal_scores_the_first_goes() -> None:
    scores = np.array([0.5, 0.1, 0.1, 0.1, 0.9])
    assert kept_windows(scores, 0.4).tolist() == [True, False, False, True, True]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 0.99))
def test_what_goes_is_never_sharper_than_what_stays(scores: list[float], discard: float) -> None:
    kept = kept_windows(np.array(scores), discard)
    assert (~kept).sum() == int(discard * len(scores))
    if not kept.all():
        assert max(np.array(scores)[~kept]) <= min(np.array(scores)[kept])
