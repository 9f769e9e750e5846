"""Layered deconvolution as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Barrier

import numpy as np
import pytest
from skimage import data

from baselines._deconvolution import HyperLaplacian, RichardsonLucy, deconvolve_layers
from benchmarks import classical_plain
from benchmarks.two_plane import two_plane

Floats = np.ndarray


@dataclass
class Recorder:
    """Answers the kernel's side as a share of 100, and notes what it was asked."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
        self.shapes.append(channels.shape)
        return np.full_like(channels, len(psf) / 100)


def scene(noise: float = 0.002) -> tuple[Floats, Floats, Floats]:
    """Sharp, blurred and map, `[160, 288]`."""
    sharp = data.astronaut()[80:240, 60:348] / 255
    return sharp, *two_plane(sharp, 0.5, 1.2, noise)


def psnr(prediction: Floats, target: Floats) -> float:
    return float(-10 * np.log10(np.mean((prediction - target)[8:-8, 8:-8] ** 2)))


@pytest.mark.parametrize(("lam", "alpha"), [(16.8, 1.5), (420, 1.5), (2000, 2 / 3)])
@pytest.mark.parametrize("levels", [2, 5])
def test_it_is_the_published_order_of_steps(lam: float, alpha: float, levels: int) -> None:
    sharp, blurred, sigma = scene()
    # Two levels have compact pixels; a map of its own value for each pixel has not.
    if levels > 2:
        sigma = sigma + np.random.default_rng(0).uniform(-0.1, 0.1, sigma.shape)
    ours = deconvolve_layers(blurred, sigma, solver=HyperLaplacian(lam, alpha), levels=levels)
    plain = classical_plain.deconvolve_layers(blurred, sigma, lam, alpha, levels)
    assert psnr(ours, sharp) == pytest.approx(psnr(plain, sharp), abs=0.01)
    # Far closer to each other than to an image that was left alone.
    assert psnr(ours, plain) > psnr(plain, blurred) + 20
    assert ours.dtype == np.float64


def test_a_known_blur_is_undone() -> None:
    sharp, blurred, sigma = scene()
    result = deconvolve_layers(blurred, sigma, solver=HyperLaplacian(420))
    assert psnr(result, sharp) > psnr(blurred, sharp) + 1.5


def test_levels_are_at_work_at_the_same_time() -> None:
    both = Barrier(2, timeout=20)

    class Waiting(Recorder):
        def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
            both.wait()
            return channels

    _, blurred, sigma = scene()
    deconvolve_layers(blurred, sigma, solver=Waiting(), threads=2)
    assert not both.broken


def test_threads_change_nothing() -> None:
    _, blurred, sigma = scene()
    sigma = sigma + np.random.default_rng(0).uniform(-0.1, 0.1, sigma.shape)
    one, two = (
        deconvolve_layers(blurred, sigma, solver=HyperLaplacian(), levels=4, threads=threads)
        for threads in (1, 2)
    )
    assert (one == two).all()


def test_every_pixel_comes_from_its_own_level() -> None:
    _, blurred, sigma = scene()
    sigma[:40, :40] = 0
    result = deconvolve_layers(blurred, sigma, solver=Recorder())
    assert (result[:40, :40] == blurred[:40, :40]).all()
    for level, side in ((0.5, 9), (1.2, 21)):
        np.testing.assert_allclose(result[sigma == level], side / 100, atol=1e-7)


def test_only_what_a_gaussian_needs_is_read_but_all_for_discs() -> None:
    _, blurred, sigma = scene()
    gaussian, disc = Recorder(), Recorder()
    deconvolve_layers(blurred, sigma, solver=gaussian)
    deconvolve_layers(blurred, sigma, solver=disc, psf="disc")
    assert gaussian.shapes == [(3, 160, 144 + 2 * 4), (3, 160, 144 + 2 * 10)]
    assert disc.shapes == [(3, 160, 288)] * 2


def test_discs_have_the_radius_that_looks_like_sigma() -> None:
    _, blurred, _ = scene()
    sigma = np.full(blurred.shape[:2], 0.545 * 4.5)
    result = deconvolve_layers(blurred, sigma, solver=Recorder(), psf="disc")
    np.testing.assert_allclose(result, 0.11, atol=1e-7)


def test_the_result_is_clipped() -> None:
    _, blurred, sigma = scene()
    blurred = np.where(blurred > 0.5, 1.0, 0.0)
    result = deconvolve_layers(blurred, sigma, solver=RichardsonLucy(5))
    assert result.min() == 0
    assert result.max() == 1


def test_holes_of_the_map_stay_as_they_are() -> None:
    _, blurred, sigma = scene()
    sigma[10, 20:23] = np.nan
    with pytest.warns(UserWarning, match="3 of 46080 pixels of the map are NaN"):
        result = deconvolve_layers(blurred, sigma, solver=HyperLaplacian())
    assert (result[10, 20:23] == blurred[10, 20:23]).all()
    assert np.isnan(sigma[10, 20])


def test_the_input_is_left_alone() -> None:
    _, blurred, sigma = scene()
    copies = blurred.copy(), sigma.copy()
    deconvolve_layers(blurred, sigma, solver=HyperLaplacian())
    assert (blurred == copies[0]).all()
    assert (sigma == copies[1]).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_reported_after_every_level(threads: int) -> None:
    _, blurred, sigma = scene()
    sigma[:40, :40] = 0
    reports: list[tuple[int, int]] = []
    deconvolve_layers(
        blurred,
        sigma,
        solver=Recorder(),
        threads=threads,
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == [(1, 3), (2, 3), (3, 3)]


def spoilt(name: str) -> Callable[[Floats, Floats], tuple[Floats, Floats]]:
    def spoil(image: Floats, sigma: Floats) -> tuple[Floats, Floats]:
        if name == "one channel":
            return image[..., :1], sigma
        if name == "sizes":
            return image, sigma[:-1]
        if name == "small":
            return image[:20, :20], sigma[:20, :20] + 3
        target, value = {
            "nan": (image, np.nan),
            "bright": (image, 255),
            "infinite": (sigma, np.inf),
            "negative": (sigma, -0.1),
            "unit": (sigma, 65535),
        }[name]
        target[0, 0] = value
        return image, sigma

    return spoil


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one channel", r"expected an image \[H, W, 3\], got \[160, 288, 1\]"),
        ("sizes", r"the map, \[159, 288\], and the image, \[160, 288, 3\], differ in size"),
        ("small", r"the image, \[20, 20\], is smaller than the kernel .* 59x59"),
        ("nan", "must be finite and lie in"),
        ("bright", "must be finite and lie in"),
        ("infinite", "must be finite and not negative"),
        ("negative", "must be finite and not negative"),
        ("unit", "above the image's size; is it in pixels"),
    ],
)
def test_unusable_input_is_refused(name: str, message: str) -> None:
    _, blurred, sigma = scene()
    with pytest.raises(ValueError, match=message):
        deconvolve_layers(*spoilt(name)(blurred, sigma), solver=Recorder())


def test_there_are_two_kinds_of_kernels() -> None:
    _, blurred, sigma = scene()
    with pytest.raises(ValueError, match="known: gaussian, disc"):
        deconvolve_layers(blurred, sigma, solver=Recorder(), psf="box")  # type: ignore[arg-type]


def test_a_solver_that_fails_is_heard() -> None:
    class Broken:
        def deconvolve(self, channels: Floats, psf: Floats) -> Floats:
            raise RuntimeError("broken")

    _, blurred, sigma = scene()
    with pytest.raises(RuntimeError, match="broken"):
        deconvolve_layers(blurred, sigma, solver=Broken(), threads=2)
