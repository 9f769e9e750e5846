"""JNB's map: on scenes of known defocus, and step by step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from skimage import data

from baselines._shared.domain_transform import recursive_filter
from baselines.jnb import Dictionary, jnb_map, load_dictionary
from baselines.jnb.feature import atom_counts, eight_bit_gray, patches_of
from baselines.jnb.propagation import MIN_SUPPORT, guide_of, pad_back, propagate
from benchmarks.defocus_maps_jnb import SCENES, mean_counts, score
from benchmarks.two_plane import two_plane, voronoi


def random_image() -> np.ndarray:
    return two_plane(data.coffee()[160:240, 150:260] / 255, 0.5, 1.5)[0]


@pytest.fixture(scope="module")
def shipped() -> Dictionary:
    return load_dictionary()


@pytest.mark.parametrize("name", ["coffee", "voronoi"])
def test_reference_figures_of_two_planes(shipped: Dictionary, name: str) -> None:
    sharp = data.coffee() / 255 if name == "coffee" else voronoi()
    image, truth = two_plane(sharp, 0.5, 1.5)
    gray = eight_bit_gray(image)
    counts = atom_counts(gray, shipped.atoms)
    for mask_threshold in (3, 1):
        found = score(gray, counts, truth, shipped, mask_threshold)
        reference = SCENES[name, 0.5, 1.5, mask_threshold]
        assert found.accepted(reference), (mask_threshold, found)


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_counts_fall_with_the_blur(shipped: Dictionary, name: str) -> None:
    sigmas = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
    counts = mean_counts(getattr(data, name)(), shipped.atoms, sigmas)
    assert all(sharp > blurred for sharp, blurred in pairwise(counts))
    # Blurs up to 2 px are clearly distinguished.
    assert counts[0] > 30
    assert 1 < counts[4] < 4


def test_gray_is_whole_levels_of_luma() -> None:
    colors = np.array([[[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0.5, 0.5, 0.5]]])
    np.testing.assert_array_equal(eight_bit_gray(colors), [[76, 150, 29, 255, 127]])


def test_patches_have_mean_zero_and_keep_their_place() -> None:
    gray = np.arange(12.0 * 20).reshape(12, 20)
    found = patches_of(gray, 3)
    assert found.shape == (2, 5, 64)
    expected = gray[3:11, 6:14] - gray[3:11, 6:14].mean()
    np.testing.assert_allclose(found[1, 2], expected.ravel())


def test_counts_lie_at_the_corner_of_their_patch(shipped: Dictionary) -> None:
    gray = np.full((40, 50), 100.0)
    gray[20, 30] = 200
    counts = atom_counts(gray, shipped.atoms)
    assert counts.shape == (33, 43)
    assert (counts[13:21, 23:31] > 0).all()
    counts[13:21, 23:31] = 0
    assert not counts.any()


def test_a_stride_repeats_the_counts_of_its_grid(
    shipped: Dictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baselines.jnb.feature._CHUNK", 500)
    gray = eight_bit_gray(random_image())
    done: list[tuple[int, int]] = []
    full = atom_counts(gray, shipped.atoms, progress=lambda *what: done.append(what))
    monkeypatch.undo()
    np.testing.assert_array_equal(full, atom_counts(gray, shipped.atoms))
    half = atom_counts(gray, shipped.atoms, stride=2)
    rows, columns = np.indices(full.shape) // 2 * 2
    np.testing.assert_array_equal(half, full[rows, columns])
    assert len(done) > 10
    assert done[-1] == (full.size, full.size)
    assert all(before[0] < after[0] for before, after in pairwise(done))


def test_the_guide_lies_at_the_patches_centers() -> None:
    gray = np.zeros((20, 24))
    gray[10, 12] = 255
    guide = guide_of(gray)
    assert guide.shape == (13, 17)
    assert np.unravel_index(guide.argmax(), guide.shape) == (7, 9)
    assert np.count_nonzero(guide) == 25
    bright = guide_of(np.full((20, 24), 255.0))
    assert bright[6, 8] == pytest.approx(1)
    # The border is smoothed against black.
    weights = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    assert bright[0, 8] == pytest.approx(weights[2:].sum() / weights.sum())


def test_padding_puts_the_center_back() -> None:
    feature = np.zeros((13, 17))
    feature[7, 9] = 1
    padded = pad_back(feature)
    assert padded.shape == (20, 24)
    assert np.argwhere(padded).tolist() == [[10, 12]]


def test_only_the_inside_of_textured_regions_is_believed() -> None:
    counts = np.full((30, 40), 3)
    counts[10:17, 10:17] = 20
    counts[13, 13] = 40
    feature, support = propagate(counts, np.zeros((30, 40)))
    assert feature.min() > 20.5
    assert support.max() < 1
    # A disc of 13 pixels does not fit into the square once its rows are fewer than five.
    counts[14:17] = 3
    feature, support = propagate(counts, np.zeros((30, 40)))
    assert not feature.any()
    assert not support.any()
    assert propagate(counts, np.zeros((30, 40)), mask_threshold=1)[1].min() > 0.9


def test_the_published_filters() -> None:
    random = np.random.RandomState(0)
    counts, guide = random.randint(4, 30, (25, 30)), random.random_sample((25, 30))
    values = counts.astype(np.float64)
    masked = propagate(counts, guide)[0]
    expected = recursive_filter(values, guide, sigma_s=15, sigma_r=0.15, num_iter=3)
    np.testing.assert_allclose(masked, expected, rtol=1e-12)
    plain = propagate(counts, guide, mask_threshold=None)[0]
    expected = recursive_filter(values, guide, sigma_s=10, sigma_r=0.2, num_iter=3)
    np.testing.assert_allclose(plain, expected, rtol=1e-12)
    joint = propagate(counts, guide, joint_filter=True)[0]
    expected = recursive_filter(masked, guide, sigma_s=5, sigma_r=0.1, num_iter=3)
    np.testing.assert_allclose(joint, expected, rtol=1e-12)


def test_texture_at_the_border_counts() -> None:
    counts = np.zeros((30, 40), np.int64)
    counts[:, :3] = 9
    np.testing.assert_allclose(propagate(counts, np.zeros((30, 40)))[0], 9)


def test_holes_take_the_median() -> None:
    counts = np.zeros((30, 60), np.int64)
    counts[:20, :20] = 10
    counts[20:, :20] = 16
    guide = np.zeros((30, 60))
    guide[:, 30:] = 1
    feature, support = propagate(counts, guide)
    hole = support <= MIN_SUPPORT
    assert hole[:, 30:].all()
    assert not hole[:, :30].any()
    np.testing.assert_array_equal(feature[:, 30:], np.median(feature[:, :30]))
    assert 10 < feature[29, 0] < 16


def test_without_a_mask_flat_pixels_count_too() -> None:
    counts = np.zeros((20, 30), np.int64)
    counts[:, :15] = 8
    feature, support = propagate(counts, np.zeros((20, 30)), mask_threshold=None)
    assert (support == 1).all()
    assert 0 < feature[10, 25] < feature[10, 5] < 8


def test_the_second_filter_smooths_within_edges() -> None:
    counts = np.full((20, 30), 10)
    counts[:, 15:] = 30
    counts[::4, ::4] += 8
    guide = np.zeros((20, 30))
    guide[:, 15:] = 1
    plain = propagate(counts, guide, mask_threshold=None)[0]
    smooth = propagate(counts, guide, mask_threshold=None, joint_filter=True)[0]
    assert smooth[:, :15].std() < 0.8 * plain[:, :15].std()
    assert smooth[:, 15:].mean() - smooth[:, :15].mean() > 19


def test_the_map_of_a_image(shipped: Dictionary) -> None:
    image = random_image()
    found = jnb_map(image)
    assert found.shape == image.shape[:2]
    assert found.dtype == np.float64
    assert 0.25 <= found.min() < found.max() <= 4
    assert np.median(found[:, :55]) < 0.75
    assert np.median(found[:, 55:]) > 1.2
    again = jnb_map(image, dictionary=shipped)
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(
    "change",
    [
        {"mask_threshold": 1},
        {"mask_threshold": None},
        {"joint_filter": True},
        {"stride": 2},
        {"max_atoms": 10},
        {"eight_bit_map": True},
    ],
)
def test_every_option_reaches_the_map(change: dict[str, Any]) -> None:
    image = random_image()
    plain, changed = jnb_map(image), jnb_map(image, **change)
    assert changed.shape == plain.shape
    assert np.abs(changed - plain).max() > (0.001 if "eight_bit_map" in change else 0.01)


def test_eight_bits_of_four_pixels() -> None:
    image = random_image()
    levels = jnb_map(image, eight_bit_map=True) * 255 / 4
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-9)
    assert np.abs(levels * 4 / 255 - jnb_map(image)).max() <= 2 / 255 + 1e-9


def test_another_dictionary_is_used(shipped: Dictionary) -> None:
    other = Dictionary(**{**vars(shipped), "sigmas": shipped.sigmas / 2})
    image = random_image()
    np.testing.assert_allclose(jnb_map(image, dictionary=other), jnb_map(image) / 2)


@pytest.mark.parametrize("mask_threshold", [3, None])
def test_a_flat_image_has_the_strongest_blur(mask_threshold: int | None) -> None:
    found = jnb_map(np.full((20, 30, 3), 0.3), mask_threshold=mask_threshold)
    np.testing.assert_array_equal(found, np.full((20, 30), 4.0))


@pytest.mark.parametrize("size", [(12, 12), (12, 40), (33, 13)])
def test_small_images(size: tuple[int, int]) -> None:
    assert jnb_map(random_image()[: size[0], : size[1]]).shape == size


def test_progress_reaches_the_end() -> None:
    done: list[tuple[int, int]] = []
    jnb_map(random_image(), stride=2, progress=lambda *what: done.append(what))
    assert done[-1] == (37 * 52, 37 * 52)


@pytest.mark.parametrize(
    ("image", "options", "match"),
    [
        (np.zeros((20, 20)), {}, r"expected \[H, W, 3\], got \(20, 20\)"),
        (np.zeros((20, 20, 4)), {}, r"expected \[H, W, 3\], got \(20, 20, 4\)"),
        (np.zeros((11, 20, 3)), {}, r"\(11, 20\) is too small; give at least 12"),
        (np.full((20, 20, 3), np.nan), {}, "non-finite"),
        (np.full((20, 20, 3), np.inf), {}, "non-finite"),
        (np.full((20, 20, 3), 255.0), {}, r"values from 255 to 255; scale or clip"),
        (np.full((20, 20, 3), -0.1), {}, r"scale or clip them to \[0, 1\]"),
        (np.zeros((20, 20, 3)), {"mask_threshold": 2}, "mask_threshold must be 1, 3 or None"),
        (np.zeros((20, 20, 3)), {"stride": 0}, "stride must be at least 1"),
        (np.zeros((20, 20, 3)), {"max_atoms": 0}, "max_atoms must be 1 to 64"),
        (np.zeros((20, 20, 3)), {"max_atoms": 65}, "max_atoms must be 1 to 64"),
    ],
)
def test_mistakes(image: np.ndarray, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        jnb_map(image, **options)
    assert "\n" not in str(caught.value)
