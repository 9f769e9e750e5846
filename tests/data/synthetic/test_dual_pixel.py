"""The optics, against what the authors' released generator computes."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from support.paths import GOLDENS

from pipeline.data.synthetic.dual_pixel import (
    BOKEHS,
    CAMERAS,
    MAX_RADIUS,
    Bokeh,
    coc_radius,
    depth_layers,
    layer_radius,
    psf,
    radial_distortion,
    render,
)

GOLDEN = GOLDENS / "synthetic_dp.npz"
KERNEL = re.compile(r"k_coc(\d+)_o(\d+)_f([\d.]+)_b([\d.]+)_([cl])")
RADII = st.integers(-MAX_RADIUS, MAX_RADIUS)
SHAPES = st.sampled_from(BOKEHS)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as archive:
        return dict(archive)


def test_kernels_are_those_of_the_released_generator(golden):
    names = [name for name in golden if name.startswith("k_")]
    assert len(names) == 42
    for name in names:
        radius, order, cutoff, beta, view = KERNEL.fullmatch(name).groups()
        kernels = psf(int(radius), int(order), float(cutoff), float(beta))
        ours = kernels.combined if view == "c" else kernels.left
        np.testing.assert_allclose(ours, golden[name], rtol=0, atol=1e-12, err_msg=name)
        if view == "l":
            np.testing.assert_allclose(kernels.right, golden[name][:, ::-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("index", range(5))
def test_layer_tables_are_those_of_the_released_generator(golden, index):
    assert CAMERAS[index].scale == pytest.approx(golden[f"set{index}_scale"], rel=1e-15)
    np.testing.assert_array_equal(depth_layers(CAMERAS[index]), golden[f"set{index}_layers"])


def test_render_is_that_of_the_released_generator(golden):
    radius = layer_radius(golden["render_depth"], depth_layers(CAMERAS[2]))
    views = render(golden["render_sharp"], radius, Bokeh(6, 2.5, 0.2), exact=True)
    for name, ours in views._asdict().items():
        assert ours.dtype == np.uint8
        np.testing.assert_array_equal(ours, golden[f"render_{name[0]}"], err_msg=name)


def test_the_grid_of_shapes_has_its_published_order():
    assert len(set(BOKEHS)) == 12
    assert BOKEHS[:5] == (
        *((3, 2.5, 0.1), (3, 2.5, 0.2), (3, 2.0, 0.1), (3, 2.0, 0.2)),
        (6, 2.5, 0.1),
    )


@settings(max_examples=40, deadline=None)
@given(RADII, SHAPES)
def test_kernels_share_the_light_and_mirror_each_other(radius, bokeh):
    kernels = psf(radius, *bokeh)
    for kernel in kernels:
        assert kernel.sum() == pytest.approx(1, abs=1e-12)
        assert kernel.min() >= 0
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
    np.testing.assert_allclose((kernels.left + kernels.right) / 2, kernels.combined, atol=1e-15)
    np.testing.assert_array_equal(kernels.left[:, ::-1], kernels.right)
    opposite = psf(-radius, *bokeh)
    if radius:
        np.testing.assert_array_equal(opposite.left, kernels.right)
        np.testing.assert_array_equal(opposite.right, kernels.left)
    else:
        np.testing.assert_array_equal(kernels.left, psf(1, *bokeh).left)


@pytest.mark.parametrize(
    ("radius", "shift"),
    [(1, 0.49), (2, 0.78), (3, 0.99), (6, 1.84), (10, 2.94), (25, 7.36), (40, 11.84)],
)
def test_views_of_a_far_point_move_apart_by_the_measured_shift(radius, shift):
    image = np.zeros((121, 121, 1))
    image[60, 60] = 1
    views = render(image, np.full((121, 121), radius), Bokeh(3, 2.5, 0.1))
    columns = np.arange(121) - 60
    left, right = (float((view[..., 0].sum(axis=0) * columns).sum()) for view in views[1:])
    assert left == pytest.approx(-shift, abs=0.006)
    assert right == pytest.approx(shift, abs=0.006)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), SHAPES)
def test_render_is_a_mirrored_correlation_at_every_pixel(seed, bokeh):
    random = np.random.default_rng(seed)
    image = random.random((24, 31, 2))
    radius = random.integers(-4, 8, (24, 31))
    views = render(image, radius, bokeh)
    for value in np.unique(radius):
        for view, kernel in zip(views, psf(int(value), *bokeh), strict=True):
            blurred = ndimage.correlate(image, kernel[..., None], mode="mirror")
            here = radius == value
            np.testing.assert_allclose(view[here], blurred[here], atol=1e-12)


def test_blur_wider_than_the_image_keeps_a_flat_image_flat():
    radius = np.array([[-40, 40, 0, 3]] * 5)
    for view in render(np.full((5, 4, 3), 0.25), radius, BOKEHS[0]):
        np.testing.assert_allclose(view, 0.25, atol=1e-12)


def test_radius_follows_the_thin_lens():
    assert coc_radius([8.0, 1e9, 4.0, 1e-9], 10.0, 8.0).tolist() == [0, 10, -10, -40]
    assert coc_radius(1e9, 1000.0, 8.0) == MAX_RADIUS


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.1, 300), min_size=2), st.sampled_from(CAMERAS))
def test_farther_points_never_have_a_smaller_radius(depths, camera):
    ordered = np.sort(depths)
    assert np.all(np.diff(coc_radius(ordered, camera.scale, camera.focus)) >= 0)
    assert np.all(np.diff(layer_radius(ordered, depth_layers(camera))) >= 0)


@pytest.mark.parametrize("depth", [0.0, -1.0, float("nan")])
def test_impossible_depths_are_refused(depth):
    with pytest.raises(ValueError, match="positive"):
        coc_radius([1.0, depth], 3.0, 2.0)


def test_shapes_that_do_not_fit_and_radii_beyond_the_cap_are_refused():
    with pytest.raises(ValueError, match=r"shapes of image .* differ"):
        render(np.zeros((4, 5, 3)), np.ones((5, 4), np.int64), BOKEHS[0])
    with pytest.raises(ValueError, match="exceeds"):
        psf(MAX_RADIUS + 1, *BOKEHS[0])


def test_distortion_moves_points_along_the_barrel_polynomial():
    rows, columns = np.mgrid[:61, :81].astype(np.float64)
    ramp = np.stack([rows, columns, rows * 0], axis=2)
    np.testing.assert_allclose(radial_distortion(ramp, (0, 0, 0, 1)), ramp, atol=1e-9)
    a, b, c, d = coefficients = (-0.008, -0.005, -0.005, 1.015)
    warped = radial_distortion(ramp, coefficients)
    for y, x in ((30, 70), (10, 40), (12, 60)):
        r = np.hypot(y - 30, x - 40) / 30.5
        factor = a * r**3 + b * r**2 + c * r + d
        expected = (30 + (y - 30) * factor, 40 + (x - 40) * factor)
        np.testing.assert_allclose(warped[y, x, :2], expected, atol=1e-4)
