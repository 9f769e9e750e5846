"""EBDB against reference figures and the definitions of its steps."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import sobel
from scipy.special import ndtr
from skimage.feature import canny
from skimage.filters import gaussian

from baselines import ebdb
from baselines._shared.domain_transform import recursive_filter
from baselines._shared.eight_bit_map import through_eight_bits
from baselines.ebdb import estimation
from baselines.ebdb.blur import edge_blur, reblurred_gradients, sigma_of_gradients, window_radius
from baselines.ebdb.connected_edges import connected_edge_filter
from baselines.ebdb.edges import (
    CANNY_SIGMAS,
    Edges,
    canny_edges,
    combine,
    estimation_luma,
    high_threshold,
)
from baselines.ebdb.propagation import spread
from benchmarks.defocus_maps import EBDB_SCENES, ebdb_figures, within
from benchmarks.two_plane import two_plane, voronoi

# True sigma; estimates with the edge on a pixel and half a pixel off, for re-blurs 1.25 and 2.5.
IDEAL_STEPS = [
    (0.5, 0.549, 0.532, 0.723, 0.715),
    (1.0, 1.001, 1.000, 1.132, 1.128),
    (1.5, 1.500, 1.500, 1.587, 1.585),
    (2.0, 2.000, 2.000, 2.065, 2.064),
    (3.0, 3.000, 3.000, 3.042, 3.042),
    (4.0, 4.000, 3.999, 4.032, 4.031),
]


def step(sigma: float, center: float = 64) -> Any:
    return np.tile(0.25 + 0.5 * ndtr((np.arange(129) - center) / sigma), (65, 1))


@pytest.fixture(scope="module")
def crop() -> Any:
    """Sharp and blurred cells; the sharp ones give estimates of zero too."""
    return two_plane(voronoi()[:120, :160], 0.3, 2)[0]


@pytest.mark.parametrize("row", IDEAL_STEPS)
def test_ideal_steps(row: tuple[float, ...]) -> None:
    sigma, *wanted = row
    for center, reblur in product((64, 64.5), (1.25, 2.5)):
        first, second = reblurred_gradients(step(sigma, center), reblur)
        found = sigma_of_gradients(first[32, 64], second[32, 64], reblur)
        assert found == pytest.approx(wanted.pop(0), abs=0.003)
        if center == 64 and sigma >= 1:
            assert found == pytest.approx(sigma, rel=0.005)


def test_gradients_are_those_of_the_sampled_gaussian() -> None:
    luma = np.random.default_rng(0).random((30, 25))
    for reblur in (1.25, 2.0, 2.5):
        radius = window_radius(reblur)
        padded = np.pad(luma, radius, mode="symmetric")
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        both = reblurred_gradients(luma, reblur)
        for sigma, found in zip((1.0, reblur), both, strict=True):
            kernel = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**4)
            for at in ((1, 2), (15, 12), (28, 23)):
                window = padded[at[0] :, at[1] :][: len(y), : len(y)]
                wanted = np.hypot((window * kernel * x).sum(), (window * kernel * y).sum())
                assert found[at] == pytest.approx(wanted, rel=1e-4)


def test_gradients_without_a_real_blur_are_zero_and_large_ones_capped() -> None:
    square = np.array([(4 + 2.25) / 5, 2.25, 2.3, 1.01, 1.0, 0.9, np.nan, np.inf])
    found = sigma_of_gradients(np.sqrt(square), np.ones(8), 1.5)
    np.testing.assert_allclose(found, [2, 0, 0, 5, 0, 0, 0, 0], rtol=0, atol=1e-7)


def test_each_edge_is_measured_at_its_own_scale() -> None:
    luma = step(1.2)
    assert [window_radius(scale / 2) for scale in CANNY_SIGMAS[3:]] == [7, 7, 9, 9, 11, 11]
    scales = np.zeros(luma.shape)
    for row, scale in enumerate(CANNY_SIGMAS[3:]):
        scales[10 + row, 64] = scale
    found = edge_blur(luma, Edges(scales > 0, np.full(luma.shape, 4), scales))
    for row, scale in enumerate(CANNY_SIGMAS[3:]):
        first, second = reblurred_gradients(luma, scale / 2)
        wanted = sigma_of_gradients(first[10 + row, 64], second[10 + row, 64], scale / 2)
        assert found[10 + row, 64] == pytest.approx(wanted, abs=1e-6)
    assert np.count_nonzero(found) == 6


def test_edges_of_nine_scales() -> None:
    runs = ["111111111", "111100000", "111101111", "111110011", "111011111", "011111111"]
    found = np.array([[[digit == "1" for digit in run]] for run in runs]).transpose(2, 1, 0)
    edges = combine(found)
    assert edges.mask.tolist() == [[True, True, True, True, False, False]]
    assert edges.stability[edges.mask].tolist() == [9, 4, 8, 7]
    assert edges.scale.tolist() == [[5, 2.5, 2.5, 3, 0, 0]]


def test_canny_and_its_threshold() -> None:
    shares = np.repeat([0.0, 0.5, 1.0], (70, 20, 10))
    assert high_threshold(shares) == 33 / 64
    assert high_threshold(np.append(shares, 0.0)) == 1 / 64
    found = canny_edges(step(1), 2)
    assert found[1:-1, 64].all()
    assert found.sum() == 63


def test_canny_does_not_find_edges_in_rounding() -> None:
    noise = np.random.default_rng(0).random((30, 40))
    assert canny_edges(0.3 + 1e-6 * noise, 1).any()
    assert not canny_edges(0.3 + 1e-14 * noise, 1).any()


@pytest.mark.parametrize("sigma", [1, 4])
def test_canny_is_that_of_the_library(sigma: float) -> None:
    luma = np.random.default_rng(1).random((40, 50))
    smoothed = gaussian(luma, sigma, mode="nearest")
    magnitude = np.hypot(sobel(smoothed, 0), sobel(smoothed, 1))
    high = high_threshold(magnitude / magnitude.max()) * magnitude.max()
    wanted = canny(luma, sigma, 0.4 * high, high, mode="nearest")
    np.testing.assert_array_equal(canny_edges(luma, sigma), wanted)


def test_luma() -> None:
    image = np.stack([np.zeros(3), np.ones(3), np.eye(3)[1]])[None]
    plain = np.array([[16, 235, 144.553]]) / 255
    np.testing.assert_allclose(estimation_luma(image, linearize=False), plain, atol=1e-12)
    np.testing.assert_allclose(estimation_luma(image, linearize=True), plain**2.4, atol=1e-12)


def test_connected_edges_solve_the_dense_system() -> None:
    rng = np.random.default_rng(0)
    mask, blur = rng.random((9, 8)) < 0.4, 5 * rng.random((9, 8))
    stability = rng.integers(4, 10, mask.shape)
    places = np.argwhere(mask)
    apart = np.abs(places[:, None] - places).max(2)
    system = np.where(apart == 1, -20.0, 0)
    weights = 1 + stability[mask]
    np.fill_diagonal(system, weights + 20 * (apart == 1).sum(1))
    found = connected_edge_filter(blur, mask, stability)
    wanted = np.linalg.solve(system, weights * blur[mask])
    np.testing.assert_allclose(found[mask], wanted, rtol=0, atol=1e-10)
    assert not found[~mask].any()


def test_connected_edges_do_not_mix() -> None:
    mask = np.zeros((7, 9), bool)
    mask[1, 1:4] = mask[2, 4] = mask[4, 2:8] = True
    blur = np.where(np.arange(7)[:, None] < 3, 1.0, 3.0) * mask
    found = connected_edge_filter(blur, mask, np.full(mask.shape, 4))
    np.testing.assert_allclose(found, blur, rtol=0, atol=1e-12)
    assert not connected_edge_filter(blur, mask & False, np.full(mask.shape, 4)).any()


@pytest.mark.parametrize("scene", [scene for scene in EBDB_SCENES if scene.image == "voronoi"])
def test_reference_scenes(scene: Any) -> None:
    figures, _ = ebdb_figures(scene)
    assert within(figures, scene.reference) == {}


def test_reference_pixels() -> None:
    image, _ = two_plane(voronoi(), 1, 2.5)
    # A few pixels: other versions of scikit-image may round an edge away.
    assert abs(ebdb.sparse_blur(image).mask.sum() - 10049) <= 5
    found = ebdb.ebdb_map(image)
    assert found[256, 128] == pytest.approx(0.9795, abs=0.002)
    assert found[256, 384] == pytest.approx(2.3568, abs=0.002)


def test_zeros_are_data_unless_they_are_left_out(crop: Any) -> None:
    kept, dropped = (ebdb.sparse_blur(crop, keep_zeros=keep) for keep in (True, False))
    zeros = kept.mask & (kept.raw == 0)
    assert 10 < zeros.sum() < kept.mask.sum()
    np.testing.assert_array_equal(dropped.mask, kept.mask & ~zeros)
    assert kept.filtered[dropped.mask].mean() < dropped.filtered[dropped.mask].mean()
    wanted = spread(crop, dropped.filtered, dropped.mask)
    np.testing.assert_array_equal(ebdb.ebdb_map(crop, keep_zeros=False), wanted)


def test_map_in_eight_bits(crop: Any) -> None:
    found = ebdb.ebdb_map(crop, eight_bit_map=True)
    np.testing.assert_array_equal(found, through_eight_bits(ebdb.ebdb_map(crop), 5))


def test_map_is_a_mean_of_the_edges(crop: Any) -> None:
    known, found = ebdb.sparse_blur(crop), ebdb.ebdb_map(crop)
    assert found.shape == crop.shape[:2]
    assert found.dtype == np.float64
    filtered = known.filtered[known.mask]
    assert filtered.min() <= found.min() < found.max() <= filtered.max() + 1e-12


def test_spread_is_a_ratio_of_filterings(crop: Any) -> None:
    rng = np.random.default_rng(3)
    mask, blur = rng.random(crop.shape[:2]) < 0.02, rng.random(crop.shape[:2])
    guide = recursive_filter(crop, crop, sigma_s=7, sigma_r=0.5, num_iter=5)
    total, weight = (
        recursive_filter(data, guide, sigma_s=120 / 8, sigma_r=3.75, num_iter=5)
        for data in (blur * mask, 1.0 * mask)
    )
    np.testing.assert_allclose(spread(crop, blur, mask), total / weight, rtol=0, atol=1e-12)


def test_matting_starts_from_the_map_and_stays_in_the_range(
    crop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = np.linspace(-1, 7, crop[..., 0].size).reshape(crop.shape[:2])
    given: list[Any] = []
    monkeypatch.setattr(estimation, "interpolate", lambda *values: given.extend(values) or wild)
    found = ebdb.ebdb_map(crop, propagation="matting", matting_lambda=0.02)
    np.testing.assert_array_equal(found, np.clip(wild, 0, 5))
    known = ebdb.sparse_blur(crop)
    wanted = (crop, known.filtered, known.mask, ebdb.ebdb_map(crop), 0.02)
    for mine, theirs in zip(given, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("propagation", ["domain_transform", "matting"])
def test_no_edges(propagation: Any) -> None:
    found = ebdb.ebdb_map(np.full((23, 31, 3), 0.4), propagation=propagation)
    np.testing.assert_array_equal(found, np.zeros((23, 31)))


@pytest.mark.parametrize(
    ("image", "options", "match"),
    [
        (np.zeros((40, 40)), {}, r"expected an RGB image \[H, W, 3\], got \(40, 40\)"),
        (np.zeros((40, 40, 1)), {}, "expected an RGB image"),
        (np.zeros((22, 40, 3)), {}, "22x40 px; EBDB needs at least 23 px"),
        (np.full((40, 40, 3), np.nan), {}, r"finite values in \[0, 1\]"),
        (np.full((40, 40, 3), 255), {}, r"finite values in \[0, 1\]"),
        (np.zeros((40, 40, 3)), {"propagation": "guided"}, "unknown propagation 'guided'"),
        (np.zeros((40, 40, 3)), {"matting_lambda": 0}, "matting_lambda must be above 0"),
    ],
)
def test_mistakes(image: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ebdb.ebdb_map(image, **options)
