"""The scenes that the classical methods are judged on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.two_plane import two_plane, voronoi


def test_the_voronoi_scene_is_the_one_of_the_reference_figures() -> None:
    sharp = voronoi()
    assert sharp[0, 0] == pytest.approx([0.26504, 0.066149, 0.065605], rel=1e-4)
    assert sharp.mean() == pytest.approx(0.493571, abs=1e-6)
    blurred, sigma = two_plane(sharp, 1, 2.5)
    assert blurred.mean() == pytest.approx(0.493580, abs=1e-6)
    assert blurred.shape == sharp.shape
    assert sigma.shape == sharp.shape[:2]


def test_each_half_has_its_own_blur_and_nothing_of_the_other() -> None:
    sharp = np.zeros((64, 64, 3))
    sharp[32, [16, 48]] = 1
    blurred, sigma = two_plane(sharp, 1, 2.5, noise=0)
    assert np.unique(sigma[:, :32]) == 1
    assert np.unique(sigma[:, 32:]) == 2.5
    # The peak of a sampled Gaussian is close to 1 / (2 pi sigma^2).
    assert blurred[32, 16] == pytest.approx(1 / (2 * np.pi), rel=1e-3)
    assert blurred[32, 48] == pytest.approx(1 / (2 * np.pi * 2.5**2), rel=1e-3)


def test_borders_are_mirrored_with_their_edge_pixel() -> None:
    ramp = np.tile(np.linspace(0, 1, 64)[:, None, None], (1, 64, 3))
    blurred, _ = two_plane(ramp, 1, 2.5, noise=0)
    taps = np.exp(-0.5 * np.arange(-9, 10) ** 2)
    taps /= taps.sum()
    mirrored = np.concatenate([ramp[8::-1, 0, 0], ramp[:10, 0, 0]])
    assert blurred[0, 0, 0] == pytest.approx(taps @ mirrored, abs=1e-9)


def test_the_noise_is_the_same_every_time_and_as_strong_as_asked() -> None:
    flat = np.full((64, 64, 3), 0.5)
    first, second = two_plane(flat, 1, 2.5)[0], two_plane(flat, 1, 2.5)[0]
    assert (first == second).all()
    assert first.std() == pytest.approx(0.002, rel=0.05)
