"""Kernels, levels of the map, and the boxes round them."""

from __future__ import annotations

import numpy as np
import pytest

from baselines._deconvolution.levels import quantize
from baselines._deconvolution.psf import disc_psf, gaussian_psf, transfer_function
from baselines._deconvolution.regions import regions

SIDES = {0.12: 3, 0.3: 5, 0.5: 9, 1: 17, 2: 33, 3: 51, 4: 67, 5: 85, 7: 101}


@pytest.mark.parametrize("sigma", SIDES)
def test_a_gaussian_reaches_to_the_rounding_of_its_peak(sigma: float) -> None:
    psf = gaussian_psf(sigma)
    assert psf.shape == (SIDES[sigma], SIDES[sigma])
    assert psf.sum() == pytest.approx(1)
    middle = SIDES[sigma] // 2
    assert psf[middle, middle + 1] / psf.max() == pytest.approx(np.exp(-0.5 / sigma**2))
    assert psf[middle + 1, middle] == psf[middle, middle + 1]


@pytest.mark.parametrize("sigma", [0, 1e-200, 0.1, 0.117])
def test_a_very_narrow_gaussian_is_the_identity(sigma: float) -> None:
    assert gaussian_psf(sigma).tolist() == [[1]]


def test_a_disc_holds_shares_of_pixels() -> None:
    psf = disc_psf(1.5)
    assert psf.shape == (5, 5)
    corner, edge, center = 0.07744, 0.13728, 0.14112
    expected = [[corner, edge, corner], [edge, center, edge], [corner, edge, corner]]
    np.testing.assert_allclose(psf[1:4, 1:4], expected, atol=5e-6)
    assert psf.sum() == pytest.approx(1)
    assert disc_psf(4.5).shape == (11, 11)


def test_a_disc_within_its_pixel_is_the_identity() -> None:
    for radius in (0, 0.3):
        assert disc_psf(radius).max() == 1


@pytest.mark.parametrize("kernel", [gaussian_psf, disc_psf])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_kernels_need_a_size(kernel, value: float) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="must be finite and not negative"):
        kernel(value)


def test_the_transfer_function_blurs_about_the_pixel_itself() -> None:
    psf = np.arange(15.0).reshape(3, 5)
    point = np.zeros((12, 15))
    point[6, 7] = 1
    spectrum = np.fft.rfft2(point) * transfer_function(psf, (12, 15))
    blurred = np.fft.irfft2(spectrum, (12, 15))
    np.testing.assert_allclose(blurred[5:8, 5:10], psf, atol=1e-12)
    assert blurred.sum() == pytest.approx(psf.sum())


def test_levels_are_the_left_edges_between_quantiles_of_the_distinct_values() -> None:
    # By hand: with the k-th of ten values at (k - 1/2) / 10, a fifth lies between 2nd and 3rd.
    values = np.arange(10.0)
    many_zeros = np.concatenate([np.zeros(90), values]).reshape(10, 10)
    found = quantize(many_zeros, 5)
    assert np.unique(found).tolist() == pytest.approx([0, 1.5, 3.5, 5.5, 7.5])
    assert found[-1].tolist() == pytest.approx([0, 0, 1.5, 1.5, 3.5, 3.5, 5.5, 5.5, 7.5, 7.5])


def test_levels_of_a_continuous_map() -> None:
    sigma = np.random.default_rng(0).uniform(0, 5, (64, 64))
    found = quantize(sigma)
    assert len(np.unique(found)) == 33
    assert found.min() == sigma.min()
    assert (found <= sigma).all()
    counts = np.unique(found, return_counts=True)[1]
    assert counts.min() == pytest.approx(counts.max(), abs=1)


def test_few_values_are_kept() -> None:
    sigma = np.arange(32.0).reshape(4, 8)
    assert (quantize(sigma) == sigma).all()
    assert not (quantize(sigma, 32) == sigma).all()


def test_one_level_is_the_lowest_value() -> None:
    assert np.unique(quantize(np.arange(3.0), 1)).tolist() == [0]


def test_no_level_at_all() -> None:
    with pytest.raises(ValueError, match="at least one level"):
        quantize(np.arange(3.0), 0)


def mask_of(*boxes: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((300, 500), bool)
    for box in boxes:
        mask[box] = True
    return mask


def test_distant_parts_have_their_own_regions() -> None:
    mask = mask_of((slice(0, 10), slice(0, 10)), (slice(290, 300), slice(450, 500)))
    first, last = regions(mask, 20)
    assert first.outer == (slice(0, 52), slice(0, 52))
    assert first.inner_of_outer == (slice(0, 32), slice(0, 32))
    assert last.inner == (slice(288, 300), slice(448, 500))
    assert last.outer == (slice(268, 300), slice(428, 500))
    assert last.inner_of_outer == (slice(20, 32), slice(20, 72))


def test_parts_whose_margins_would_overlap_are_one() -> None:
    columns = (slice(0, 10), slice(130, 140), slice(490, 500))
    mask = mask_of(*((slice(0, 10), part) for part in columns))
    assert len(regions(mask, 30)) == 3
    near, _ = regions(mask, 70)
    assert near.inner == (slice(0, 32), slice(0, 160))


def test_one_part_has_the_tightest_box() -> None:
    (region,) = regions(mask_of((slice(100, 110), slice(3, 30))), 20)
    assert region.inner == (slice(100, 110), slice(3, 30))
    assert region.outer == (slice(80, 130), slice(0, 50))


def test_scattered_pixels_take_the_whole_image() -> None:
    mask = np.random.default_rng(0).random((300, 500)) < 0.02
    mask[0, 0] = mask[-1, -1] = True
    (region,) = regions(mask, 20)
    assert region.inner == (slice(0, 300), slice(0, 500))


@pytest.mark.parametrize("margin", [0, 5, 40])
@pytest.mark.parametrize("pixels", [1, 4, 1000])
def test_regions_hold_every_pixel(margin: int, pixels: int) -> None:
    mask = np.zeros((300, 500), bool)
    mask.flat[np.random.default_rng(1).choice(mask.size, pixels, replace=False)] = True
    found = regions(mask, margin)
    covered = np.zeros_like(mask)
    for region in found:
        covered[region.inner] = True
    assert covered[mask].all()
    assert (len(found) > 1) == (pixels == 4)
