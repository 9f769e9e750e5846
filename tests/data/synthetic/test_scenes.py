"""Scenes: images in range, depths in range, and nothing that depends on anything but the seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.synthetic import scenes
from pipeline.data.synthetic.scenes import (
    DEPTH_RANGE,
    PHOTOGRAPHS,
    depth_from_rank,
    leaves_scene,
    photograph_scene,
    stereo_scene,
)
from pipeline.errors import ConfigError, DataError

SIZES = st.tuples(st.integers(16, 60), st.integers(16, 60))
CATEGORIES = st.sampled_from(["indoor", "outdoor"])


def check(scene, size, category, focus):
    assert scene.sharp.shape == (*size, 3)
    assert scene.depth.shape == size
    assert scene.sharp.dtype == scene.depth.dtype == np.float64
    assert scene.sharp.min() >= 0
    assert scene.sharp.max() <= 1
    near, far = DEPTH_RANGE[category]
    assert scene.depth.min() >= max(near, focus / 2) - 1e-9
    assert scene.depth.max() <= max(far, focus / 2) + 1e-9


@settings(max_examples=15, deadline=None)
@given(SIZES, CATEGORIES, st.floats(1, 40), st.integers(0, 2**32 - 1))
def test_leaves_stay_in_range_and_repeat_with_their_seed(size, category, focus, seed):
    first, again = (
        leaves_scene(size, category, focus, np.random.default_rng(seed)) for _ in range(2)
    )
    check(first, size, category, focus)
    np.testing.assert_array_equal(first.sharp, again.sharp)
    np.testing.assert_array_equal(first.depth, again.depth)


def test_a_leaf_has_one_color_and_one_depth():
    scene = leaves_scene((64, 96), "outdoor", 4.0, np.random.default_rng(1))
    depths, counts = np.unique(scene.depth, return_counts=True)
    assert len(depths) > 10
    largest = depths[np.argsort(counts)[-5:]]
    for depth in largest:
        inside = scene.sharp[scene.depth == depth]
        # Pixels at the rim mix with the neighbors, the bulk does not.
        assert np.ptp(np.quantile(inside, [0.3, 0.7], axis=0), axis=0).max() < 1e-12


def test_leaf_depths_spread_over_the_whole_range():
    scene = leaves_scene((96, 144), "outdoor", 4.0, np.random.default_rng(2))
    inverse = 1 / scene.depth
    near, far = DEPTH_RANGE["outdoor"]
    quartiles = np.quantile(inverse, [0.25, 0.5, 0.75])
    expected = 1 / far + np.array([0.25, 0.5, 0.75]) * (1 / near - 1 / far)
    np.testing.assert_allclose(quartiles, expected, atol=0.12 * (1 / near - 1 / far))


@pytest.mark.parametrize("name", sorted(PHOTOGRAPHS))
def test_every_listed_photograph_is_there_and_in_color(name):
    scene = photograph_scene(name, (40, 60), "indoor", 3.0, np.random.default_rng(0))
    check(scene, (40, 60), "indoor", 3.0)
    assert np.abs(scene.sharp[..., 0] - scene.sharp[..., 2]).max() > 0.05
    assert np.ptp(scene.depth) > 0.5


def test_invented_depth_is_smooth_or_layered_and_leaves_the_image_alone():
    made = [
        photograph_scene("coffee", (48, 72), "indoor", 3.0, np.random.default_rng(seed))
        for seed in range(8)
    ]
    levels = [len(np.unique(scene.depth)) for scene in made]
    assert min(levels) < 100 < 1000 < max(levels)
    assert all(np.array_equal(scene.sharp, made[0].sharp) for scene in made)


def test_resampled_photographs_have_more_than_8_bits():
    scene = photograph_scene("chelsea", (40, 60), "indoor", 3.0, np.random.default_rng(0))
    assert len(np.unique(scene.sharp)) > 256


def test_images_can_be_enlarged():
    scene = photograph_scene("chelsea", (480, 720), "indoor", 3.0, np.random.default_rng(0))
    check(scene, (480, 720), "indoor", 3.0)


@pytest.mark.parametrize("name", ["camera", "", "../astronaut", "astronaut.png"])
def test_unknown_photographs_are_refused_with_the_known_ones(name):
    with pytest.raises(ConfigError, match="known: astronaut, chelsea, coffee"):
        photograph_scene(name, (32, 48), "indoor", 3.0, np.random.default_rng(0))


def test_a_scikit_image_without_its_images_is_named(monkeypatch):
    monkeypatch.setitem(scenes.PHOTOGRAPHS, "gone", "gone.png")
    with pytest.raises(DataError, match=r"gone\.png: not part of the installed scikit-image"):
        photograph_scene("gone", (32, 48), "indoor", 3.0, np.random.default_rng(0))


@pytest.mark.parametrize("size", [(60, 90), (90, 60), (500, 741)])
def test_stereo_depth_is_what_its_calibration_says(size):
    scene = stereo_scene(size)
    assert scene.sharp.shape == (*size, 3)
    # Disparities run from 7.19 to 59.91 px.
    assert 2.110 < scene.depth.min() < scene.depth.max() < 5.017
    assert np.isfinite(scene.depth).all()


def test_stereo_depth_belongs_to_its_image():
    scene = stereo_scene((500, 741))
    with np.load(scenes._bundled("motorcycle_disp.npz")) as archive:
        disparity = archive["arr_0"]
    measured = np.isfinite(disparity)
    expected = 994.978 * 0.193001 / (disparity[measured] + 31.086)
    np.testing.assert_allclose(scene.depth[measured], expected, rtol=1e-6)


def test_unmeasured_disparity_takes_the_farther_neighbor():
    nan = np.nan
    filled = scenes._fill_rows(
        np.array([[nan, 4.0, nan, nan, 2.0, nan], [nan, nan, 7.0, 3.0, nan, 5.0]])
    )
    assert filled.tolist() == [[4.0, 4.0, 2.0, 2.0, 2.0, 2.0], [7.0, 7.0, 7.0, 3.0, 3.0, 5.0]]


@pytest.mark.parametrize("category", ["indoor", "outdoor"])
def test_rank_runs_from_far_to_near(category):
    depth = depth_from_rank(np.linspace(0, 1, 11), category, 2.0)
    assert np.all(np.diff(depth) < 0)
    np.testing.assert_allclose(depth[[0, -1]], DEPTH_RANGE[category][::-1])
