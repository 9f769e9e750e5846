"""The second stage that EBDB, DMENet and JNB share: settings, and their choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from baselines._deconvolution import HyperLaplacian, deconvolve_layers
from baselines._shared.two_stage import PUBLISHED, TwoStage, spread

Floats = NDArray[np.float64]
SIZE = (56, 64)


class Flat(TwoStage):
    """Says the same sigma everywhere, and keeps the images that it was asked about."""

    def __init__(self, sigma: float, **second_stage: Any) -> None:
        super().__init__(**second_stage)
        self.sigma, self.asked = sigma, []

    def sigma_map(self, image: Floats) -> Floats:
        self.asked.append(image)
        return np.full(image.shape[:2], self.sigma)


def pair(seed: int, sigma: float) -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(seed)
    cells = random.random((SIZE[0] // 8, SIZE[1] // 8, 3))
    sharp = cells.repeat(8, axis=0).repeat(8, axis=1)
    blurred = gaussian_filter(sharp, (sigma, sigma, 0))
    blurred = np.clip(blurred + 0.002 * random.standard_normal(blurred.shape), 0, 1)
    return _tensor(blurred), _tensor(sharp)


def _tensor(image: Floats) -> Tensor:
    return torch.from_numpy(image.astype(np.float32)).movedim(-1, 0)[None]


def image_of(x: Tensor) -> Floats:
    return x[0].movedim(0, -1).double().numpy()


def psnr(sharp: Floats, target: Tensor) -> float:
    return float(-10 * np.log10(((sharp - image_of(target)) ** 2).mean()))


def deblurred(x: Tensor, sigma: float, lam: float, alpha: float = 1.5) -> Floats:
    rounded = np.rint(255 * image_of(x)) / 255
    flat = np.full(SIZE, sigma)
    return deconvolve_layers(rounded, flat, solver=HyperLaplacian(lam=lam, alpha=alpha))


def test_published_settings_before_the_fit() -> None:
    x, target = pair(0, 1.2)
    found = Flat(1.2)(torch.cat([x, target]))
    assert found.shape == (2, 3, *SIZE)
    np.testing.assert_allclose(image_of(found[:1]), deblurred(x, 1.2, 16.8), atol=1e-6)
    np.testing.assert_allclose(image_of(found[1:]), deblurred(target, 1.2, 16.8), atol=1e-6)
    # They are those of the publication, not what another default makes of them.
    assert Flat(1.2).settings() == {"lam": 16.8, "alpha": 1.5, "map_scale": 1.0} == PUBLISHED


def test_eight_bits_are_a_choice() -> None:
    x, _ = pair(0, 1.2)
    method = Flat(1.2, eight_bit=False)
    method(x)
    np.testing.assert_array_equal(method.asked[0], image_of(x))
    rounded = Flat(1.2)
    rounded(x)
    codes = 255 * rounded.asked[0]
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-9)
    assert (rounded.asked[0] != image_of(x)).any()


def test_discs_are_a_choice() -> None:
    x, _ = pair(0, 1.2)
    expected = deconvolve_layers(
        np.rint(255 * image_of(x)) / 255, np.full(SIZE, 1.2), solver=HyperLaplacian(), psf="disc"
    )
    np.testing.assert_allclose(image_of(Flat(1.2, psf="disc")(x)), expected, atol=1e-6)
    assert np.abs(expected - deblurred(x, 1.2, 16.8)).max() > 0.01


def test_the_best_settings_one_after_the_other() -> None:
    # The map says too much: the factor has something to correct.
    val = [pair(1, 1.0), pair(2, 1.3)]
    lams, scales = (4.2, 420.0, 40.0), (1.5, 0.6, 1.0)
    by_lam = {lam: sum(psnr(deblurred(x, 2.0, lam), y) for x, y in val) for lam in lams}
    lam = max(by_lam, key=lambda value: by_lam[value])
    by_scale = {
        scale: sum(psnr(deblurred(x, 2.0 * scale, lam), y) for x, y in val) for scale in scales
    }
    scale = max(by_scale, key=lambda value: by_scale[value])
    assert scale == 0.6
    method = Flat(2.0, candidates={"lam": lams, "map_scale": scales})
    chosen = method.fit(untouched(), val)
    assert chosen == {"lam": lam, "alpha": 1.5, "map_scale": scale} == method.settings()
    # The buffers are what a run keeps.
    again = Flat(2.0)
    again.load_state_dict(method.state_dict())
    torch.testing.assert_close(again(val[0][0]), method(val[0][0]), rtol=0, atol=0)
    np.testing.assert_allclose(
        image_of(method(val[0][0])), deblurred(val[0][0], 2.0 * scale, lam), atol=1e-6
    )


def untouched() -> Iterator[tuple[Tensor, Tensor]]:
    raise AssertionError("the training split was read")
    yield


def test_the_order_of_the_candidates_is_that_of_the_choice() -> None:
    val = [pair(1, 1.0)]
    names = {"map_scale": (0.6, 1.0), "lam": (420.0, 4.2)}
    method = Flat(2.0, candidates=names)
    chosen = method.fit([], val)
    x, y = val[0]
    first = max((0.6, 1.0), key=lambda scale: psnr(deblurred(x, 2.0 * scale, 16.8), y))
    then = max((420.0, 4.2), key=lambda lam: psnr(deblurred(x, 2.0 * first, lam), y))
    assert (chosen["map_scale"], chosen["lam"]) == (first, then)


def test_of_equals_the_first() -> None:
    # A sharp image: no candidate changes anything.
    assert Flat(0.0, candidates={"lam": (50.0, 7.0)}).fit([], [pair(0, 1.0)])["lam"] == 50.0


def test_nothing_to_choose() -> None:
    method = Flat(1.0)
    assert method.fit([], [pair(0, 1.0)]) == PUBLISHED


@pytest.mark.parametrize(
    ("count", "at_most", "expected"),
    [(3, 8, [0, 1, 2]), (8, 8, [*range(8)]), (9, 3, [0, 3, 6]), (5, 2, [0, 2]), (0, 4, [])],
)
def test_scenes_are_spread_over_the_split(count: int, at_most: int, expected: list[int]) -> None:
    pairs = [(torch.tensor(index), torch.tensor(0)) for index in range(count)]
    assert [int(x) for x, _ in spread(pairs, at_most)] == expected


def test_no_more_scenes_than_asked_for() -> None:
    method = Flat(0.0, scenes=2)
    val = [pair(seed, 1.0) for seed in range(4)]
    method.fit([], val)
    assert len(method.asked) == 2


def test_progress_by_levels() -> None:
    method, reports = Flat(1.0), []
    method.progress = lambda done, total: reports.append((done, total))
    method(pair(0, 1.0)[0])
    assert reports == [(1, 1)]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Flat(1.0, candidates={"beta": (1.0,)}), "candidates of 'beta'"),
        (lambda: Flat(1.0, candidates={"lam": ()}), "candidates of 'lam'"),
        (lambda: Flat(1.0, candidates={"lam": 16.8}), "candidates of 'lam'"),
        (lambda: Flat(1.0, scenes=0), "scenes must be at least 1, not 0"),
        (lambda: Flat(1.0).fit([], []), "no validation pairs"),
        (lambda: Flat(1.0)(torch.zeros(1, 6, 32, 32)), r"\[B, 3, H, W\], got \(1, 6, 32, 32\)"),
        (lambda: Flat(5.0)(torch.zeros(1, 3, 32, 32)), "smaller than the kernel"),
        (lambda: Flat(1.0)(torch.full((1, 3, 32, 32), torch.nan)), "finite"),
    ],
)
def test_mistakes(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
