"""Controls: views and closed-form fits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines import controls
from pipeline.config.experiment import load_methods
from pipeline.evaluation.metrics import psnr
from pipeline.methods import get_method

NAMES = ("input", "mean", "left", "right", "unsharp", "linear")


def random_image(seed: int, size: tuple[int, int] = (40, 56), channels: int = 9) -> Tensor:
    return torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(seed))


def smooth(seed: int) -> Tensor:
    """An image with some structure: `[1, 3, H, W]` in [0.2, 0.8]."""
    coarse = random_image(seed, (10, 14), 3)
    return 0.2 + 0.6 * nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")


def blurred_pairs(sigma: float, count: int = 2) -> list[tuple[Tensor, Tensor]]:
    """Sharp targets and, as all three views, their Gaussian blur."""
    mask = controls.UnsharpMask()
    pairs = []
    for seed in range(count):
        target = smooth(seed)
        blurred = mask._blur(target, torch.tensor(sigma))
        pairs.append((torch.cat([blurred] * 3, dim=1), target))
    return pairs


def mean_psnr(network: nn.Module, pairs: list[tuple[Tensor, Tensor]]) -> float:
    values = [
        psnr.score(network(x).clamp(0, 1).double().numpy(), target.double().numpy())
        for x, target in pairs
    ]
    return float(np.mean(values))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (13, 7)])
def test_any_size_gives_an_image_of_that_size(name: Any, size: tuple[int, int]) -> None:
    x = torch.cat([random_image(0, size), random_image(1, size)])
    out = controls.build(name)(x, origin=(0, 0), full_size=size)
    assert out.shape == (2, 3, *size)
    assert out.dtype == torch.float32


def test_views_are_passed_through() -> None:
    x = random_image(0) * 3 - 1
    left, right, combined = x.chunk(3, dim=1)
    expected = {"left": left, "right": right, "input": combined, "mean": (left + right) / 2}
    for name, image in expected.items():
        assert torch.equal(controls.build(name)(x), image), name  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["unsharp", "linear"])
def test_before_the_fit_the_filters_are_the_combined_view(name: Any) -> None:
    x = random_image(0)
    assert torch.equal(controls.build(name)(x), x[:, 6:])


def test_unknown_controls_and_wrong_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown control 'sharp'"):
        controls.build("sharp")  # type: ignore[arg-type]
    for name in NAMES:
        with pytest.raises(ValueError, match=r"\[B, 9, H, W\]"):
            controls.build(name)(random_image(0, channels=6))  # type: ignore[arg-type]


def test_unsharp_is_the_formula() -> None:
    x = torch.zeros(1, 9, 41, 41)
    x[0, 6:, 20, 20] = 1
    mask = controls.UnsharpMask()
    mask.sigma.fill_(2.0)
    mask.amount.fill_(1.5)
    offsets = np.arange(-20, 21)
    gauss = np.exp(-(offsets**2) / 8)
    gauss[np.abs(offsets) > mask.radius] = 0
    blur = np.outer(gauss, gauss) / gauss.sum() ** 2
    impulse = np.zeros((41, 41))
    impulse[20, 20] = 1
    assert np.allclose(mask(x)[0, 1].numpy(), impulse + 1.5 * (impulse - blur), atol=1e-6)


def test_unsharp_fit_beats_the_input_and_is_a_local_optimum() -> None:
    pairs = blurred_pairs(1.4)
    mask = controls.UnsharpMask()
    before = mean_psnr(mask, pairs)
    learned = mask.fit([], pairs)
    best = mean_psnr(mask, pairs)
    assert best > before + 1
    assert learned == {"sigma": float(mask.sigma), "amount": float(mask.amount)}
    for sigma, amount in ((1.15, 1), (1 / 1.15, 1), (1, 1.15), (1, 1 / 1.15)):
        other = controls.UnsharpMask()
        other.sigma.fill_(learned["sigma"] * sigma)
        other.amount.fill_(learned["amount"] * amount)
        assert mean_psnr(other, pairs) < best


def test_unsharp_leaves_a_sharp_input_alone() -> None:
    pairs = [(torch.cat([image] * 3, dim=1), image) for image in (smooth(0), smooth(1))]
    assert controls.UnsharpMask().fit([], pairs)["amount"] == 0


def test_unsharp_is_fitted_on_validation_pairs_only_from_any_iterable() -> None:
    def stream() -> Iterator[tuple[Tensor, Tensor]]:
        yield from blurred_pairs(1.4)

    def untouchable() -> Iterator[tuple[Tensor, Tensor]]:
        raise AssertionError("training pairs were read")
        yield

    expected = controls.UnsharpMask().fit([], blurred_pairs(1.4))
    assert controls.UnsharpMask().fit(untouchable(), stream()) == expected


def linear_pairs(weight: Tensor) -> list[tuple[Tensor, Tensor]]:
    pairs = []
    for seed in range(2):
        x = random_image(seed)
        ones = torch.ones_like(x[:, :1])
        pairs.append((x, torch.einsum("oc,bchw->bohw", weight, torch.cat([x, ones], 1))))
    return pairs


def test_linear_fit_recovers_exact_weights() -> None:
    weight = torch.randn(3, 10, generator=torch.Generator().manual_seed(5))
    fit = controls.LinearFit()
    learned = fit.fit(iter(linear_pairs(weight)), [])
    assert torch.allclose(fit.weight, weight, atol=1e-6)
    assert len(learned) == 30
    assert learned["green_from_right_red"] == pytest.approx(float(weight[1, 3]), abs=1e-6)
    assert learned["blue_from_one"] == pytest.approx(float(weight[2, 9]), abs=1e-6)
    (x, target), *_ = linear_pairs(weight)
    assert torch.allclose(fit(x), target, atol=1e-5)


def test_linear_fit_is_least_squares_over_all_pixels() -> None:
    pairs = [(random_image(k), random_image(k + 10, channels=3)) for k in range(3)]
    fit = controls.LinearFit()
    fit.fit(pairs, [])
    rows = [x[0].flatten(1).T.double().numpy() for x, _ in pairs]
    design = np.concatenate([np.pad(r, ((0, 0), (0, 1)), constant_values=1) for r in rows])
    targets = np.concatenate([t[0].flatten(1).T.double().numpy() for _, t in pairs])
    expected = np.linalg.lstsq(design, targets, rcond=None)[0].T
    assert np.allclose(fit.weight.numpy(), expected, atol=1e-6)


def test_linear_fit_survives_views_that_depend_on_each_other() -> None:
    pairs = []
    for seed in range(2):
        x = random_image(seed)
        x[:, 6:] = (x[:, :3] + x[:, 3:6]) / 2
        pairs.append((x, 2 * x[:, 6:] - 0.5))
    fit = controls.LinearFit()
    fit.fit(pairs, [])
    assert fit.weight.abs().max() < 3
    assert torch.allclose(fit(pairs[0][0]), pairs[0][1], atol=1e-5)


@pytest.mark.parametrize("name", ["unsharp", "linear"])
def test_fits_without_pairs_are_refused(name: Any) -> None:
    with pytest.raises(ValueError, match=r"no .* pairs"):
        controls.build(name).fit([], [])  # type: ignore[operator]


@pytest.mark.parametrize("name", ["unsharp", "linear"])
def test_a_fit_is_deterministic_and_survives_a_state_round_trip(name: Any) -> None:
    first, second, loaded = (controls.build(name) for _ in range(3))
    learned = first.fit(blurred_pairs(1.4), blurred_pairs(2.0))  # type: ignore[operator]
    assert second.fit(blurred_pairs(1.4), blurred_pairs(2.0)) == learned  # type: ignore[operator]
    loaded.load_state_dict(first.state_dict())
    x = random_image(3)
    assert torch.equal(loaded(x), first(x))
    assert not torch.equal(loaded(x), x[:, 6:])


def test_every_configured_control_is_built_by_the_registry() -> None:
    entries = load_methods().methods
    found = {n for n, entry in entries.items() if entry.module == "baselines.controls"}
    assert {entries[name].kwargs["control"] for name in found} == set(NAMES)
    for name in found:
        method = get_method(name)
        assert method.build()(random_image(0)).shape == (1, 3, 40, 56)
        assert method.views == ("left", "right", "combined")
        assert method.input_bits == 16
        assert hasattr(method.build(), "fit") == method.trainable


def test_controls_do_not_import_the_pipeline() -> None:
    code = "import sys, baselines.controls; sys.exit('pipeline' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
