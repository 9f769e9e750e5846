"""The domain transform's recursive filter, and eight-bit maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baselines._shared.domain_transform import recursive_filter
from baselines._shared.eight_bit_map import through_eight_bits

FLAT = [0.044767, 0.066204, 0.102419, 0.149629, 0.186421, 0.152582, 0.109005, 0.077698, 0.062304]
STEP = [0.06931, 0.103261, 0.16197, 0.243365, 0.323926, 0.005375, 0.004064, 0.00297, 0.002408]
SMALL: dict[str, Any] = {"sigma_s": 3, "sigma_r": 0.5, "num_iter": 3}


def plain(signal: Any, guide: Any, *, sigma_s: float, sigma_r: float, num_iter: int) -> Any:
    """The definition, pixel by pixel, for one channel."""
    result = signal.copy()
    for i in range(num_iter):
        s = sigma_s * 3**0.5 * 2 ** (num_iter - i - 1) / (4**num_iter - 1) ** 0.5
        for axis in (1, 0):
            f, j = (result.T, np.swapaxes(guide, 0, 1)) if axis == 1 else (result, guide)
            d = 1 + sigma_s / sigma_r * np.abs(j[1:] - j[:-1]).sum(-1)
            v = np.exp(-(2**0.5) / s) ** d
            for x in range(1, len(f)):
                f[x] += v[x - 1] * (f[x - 1] - f[x])
            for x in range(len(f) - 2, -1, -1):
                f[x] += v[x] * (f[x + 1] - f[x])
    return result


@pytest.mark.parametrize(("columns", "wanted"), [(9, FLAT), (5, STEP)])
@pytest.mark.parametrize("upright", [False, True])
def test_the_reference_impulse(columns: int, wanted: list[float], upright: bool) -> None:
    signal = np.zeros((1, 9))
    signal[0, 4] = 1
    guide = (np.arange(9) >= columns).astype(float)[None]
    if upright:
        signal, guide = signal.T, guide.T
    found = recursive_filter(signal, guide, **SMALL)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=0, atol=1e-6)


def test_the_definition_in_two_dimensions() -> None:
    rng = np.random.default_rng(0)
    signal, guide = rng.random((7, 11)), rng.random((7, 11, 3))
    found = recursive_filter(signal, guide, **SMALL)
    np.testing.assert_allclose(found, plain(signal, guide, **SMALL), rtol=0, atol=1e-12)


def test_channels_are_filtered_alike_and_the_input_kept() -> None:
    rng = np.random.default_rng(1)
    signal, guide = rng.random((6, 5, 2)), rng.random((6, 5))
    copy = signal.copy()
    found = recursive_filter(signal, guide, **SMALL)
    single = [recursive_filter(signal[..., k], guide[..., None], **SMALL) for k in range(2)]
    np.testing.assert_array_equal(found, np.stack(single, axis=2))
    np.testing.assert_array_equal(signal, copy)


def test_one_pixel_and_constants_stay() -> None:
    rng = np.random.default_rng(2)
    found = recursive_filter(np.full((8, 9), 0.3), rng.random((8, 9, 3)), **SMALL)
    np.testing.assert_allclose(found, 0.3, rtol=0, atol=1e-12)
    assert recursive_filter(np.full((1, 1), 2.0), np.zeros((1, 1)), **SMALL) == [[2.0]]


@pytest.mark.parametrize(
    ("signal", "guide", "changes", "match"),
    [
        (np.zeros((3, 4)), np.zeros((4, 3)), {}, r"signal \(3, 4\) and guide \(4, 3\) must be"),
        (np.zeros(4), np.zeros((4, 1)), {}, r"signal \(4,\) and guide"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), {}, "must be finite"),
        (np.zeros((2, 2)), np.full((2, 2), np.inf), {}, "must be finite"),
        (np.zeros((2, 2)), np.zeros((2, 2)), {"sigma_s": 0}, "sigma_s 0 and sigma_r 0.5 must"),
        (np.zeros((2, 2)), np.zeros((2, 2)), {"sigma_r": -1}, "sigma_r -1 must"),
        (np.zeros((2, 2)), np.zeros((2, 2)), {"num_iter": 0}, "num_iter 0 at least 1"),
    ],
)
def test_filter_mistakes(signal: Any, guide: Any, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        recursive_filter(signal, guide, **{**SMALL, **changes})


def test_eight_bits() -> None:
    step = 5 / 255
    sigma = np.array([-0.1, 0.0, 0.49 * step, 0.5 * step, 1.5 * step, 5.0, 7.0])
    wanted = step * np.array([0, 0, 0, 1, 2, 255, 255])
    np.testing.assert_allclose(through_eight_bits(sigma, 5), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("sigma", "full_scale", "match"),
    [(1.0, 0.0, "full_scale must be above 0"), (np.nan, 5.0, "non-finite")],
)
def test_eight_bit_mistakes(sigma: float, full_scale: float, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        through_eight_bits(np.array([sigma]), full_scale)
