"""Controls: their expected scores, and that nothing is scored where one is off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from support.scenes import Aligned, Scene, prepared, reader, row

from pipeline.config.experiment import load_methods
from pipeline.data import bit_depth
from pipeline.errors import ControlError
from pipeline.evaluation import controls, inference
from pipeline.evaluation.controls import SIGMA, check_controls, noisy_ground_truth
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics import Metric, load_metrics, mae, psnr
from pipeline.evaluation.protocol import Tiling

METRICS = load_metrics({name: load_methods().metrics[name] for name in ("psnr", "ssim", "mae")})
NOISE = f"ground truth with noise of {SIGMA:g}"
Score = Callable[[Any, Any], float]


def checked(ready: Prepared | None = None, **changes: Any) -> controls.Controls:
    arguments = {"read": reader(), "metrics": METRICS, **changes}
    return check_controls(ready or prepared(Aligned()), **arguments)


def replaced(name: str, score: Score) -> dict[str, Metric]:
    declaration = dataclasses.replace(METRICS[name].declaration, score=score)
    return {**METRICS, name: Metric(declaration)}


def in_bits(bits: int, **fields: Any) -> Prepared:
    ready = prepared(Aligned(), **fields)
    depths = {"input_bits": bits, "ground_truth_bits": bits}
    return dataclasses.replace(ready, protocol=ready.protocol.model_copy(update=depths))


@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("tiling", [None, Tiling(32, 8)])
def test_what_is_expected_and_found(bits: int, tiling: Tiling | None) -> None:
    found = checked(in_bits(bits, tiling=tiling))
    assert list(found) == ["ground truth", NOISE, "input", "left view"]
    expected = {
        control: {metric: score.expected for metric, score in scores.items()}
        for control, scores in found.items()
    }
    assert expected["ground truth"] == {"psnr": 100.0, "ssim": 1.0, "mae": 0.0}
    assert expected[NOISE]["psnr"] == pytest.approx(26.0206, abs=1e-4)
    assert expected[NOISE]["mae"] == 0.05
    assert set(expected["input"]) == set(expected["left view"]) == {"psnr", "mae"}
    images = {view: (image >> (16 - bits)) / (2**bits - 1) for view, image in SCENE.items()}
    for control, view in (("input", "combined"), ("left view", "left")):
        errors = images[view] - images["target"]
        assert expected[control]["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-9)
        assert expected[control]["psnr"] == pytest.approx(-10 * np.log10(np.mean(errors**2)))


SCENE: Scene = reader()(row(0))


def gaussian(prediction: Any, target: Any) -> float:
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            target, prediction, data_range=1.0, channel_axis=-1, gaussian_weights=True
        )
    )


FAULTS: dict[str, tuple[str, Score, str, str]] = {
    "a peak of 255": (
        "psnr",
        lambda p, t: psnr.score(p, t) + 48.13,
        "ground truth",
        "expected 100",
    ),
    "no limit": (
        "psnr",
        lambda p, t: 10 * np.log10(1 / (((p - t) ** 2).mean() + 1e-12)),
        "gro",
        "",
    ),
    "a factor": ("psnr", lambda p, t: psnr.score(p, t) / 2 + 50, NOISE, "expected 26.0206"),
    "a mean of squares": ("mae", lambda p, t: float(((p - t) ** 2).mean()), NOISE, "is 0.0025"),
    "Gaussian windows": ("ssim", gaussian, NOISE, "expected 0."),
    "not a number": ("mae", lambda p, t: float("nan"), "ground truth", "mae is nan, expected 0;"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_metric_that_is_off_is_refused_and_named(name: str) -> None:
    metric, score, control, text = FAULTS[name]
    with pytest.raises(ControlError) as caught:
        checked(metrics=replaced(metric, score))
    message = str(caught.value)
    assert message.startswith(f"control '{control}")
    assert f": {metric} is " in message
    assert text in message
    assert f"`metrics: {metric}`" in message
    assert message.isprintable()


def test_views_in_another_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = inference.model_input
    monkeypatch.setattr(inference, "model_input", lambda s, v, b: right(s, [*v[::-1]], b))
    with pytest.raises(ControlError, match=r"^control 'input': psnr is "):
        checked()


def test_another_value_range_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
        return values if bits == 16 else bit_depth.widened((values + np.uint32(128)) // 257)

    monkeypatch.setattr(inference, "at_depth", rounded)
    assert checked(in_bits(16))
    with pytest.raises(ControlError, match=r"^control 'input': "):
        checked(in_bits(8))


def test_metrics_without_a_known_score_are_left_out() -> None:
    mine = {"mine": METRICS["psnr"], "mae": METRICS["mae"]}
    assert {name for scores in checked(metrics=mine).values() for name in scores} == {"mae"}


def test_a_metric_that_is_not_computed_here_is_left_out() -> None:
    absent: Any = lambda prediction, target: None  # noqa: E731
    assert "ssim" not in checked(metrics=replaced("ssim", absent))[NOISE]


def test_only_the_center_of_a_large_image_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "SIDE", 24)
    sizes = []

    def score(prediction: Any, target: Any) -> float:
        sizes.append(target.shape)
        return mae.score(prediction, target)

    checked(metrics=replaced("mae", score))
    assert {*sizes} == {(24, 24, 3)}


def test_the_main_group_comes_first_and_truth_is_needed() -> None:
    no_truth = dict.fromkeys(("target", "file_target", "sha256_target"), "")
    rows = [row(0, **no_truth), row(1, group="stereo"), row(2), row(3, group="stereo")]
    seen: list[str] = []

    def read(item: Any) -> Scene:
        seen.append(item.source)
        return reader()(item)

    checked(prepared(Aligned(), rows=rows), read=read)
    checked(prepared(Aligned(), rows=rows[:2]), read=read)
    assert seen == ["s2.png", "s1.png"]
    assert checked(prepared(Aligned(), rows=rows[:1]), read=read) == {}


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.5])
def test_noisy_ground_truth_has_exactly_the_scores_it_promises(sigma: float) -> None:
    target = np.random.default_rng(0).random((40, 56, 3))
    noisy = noisy_ground_truth(target, sigma, seed=1)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert psnr.score(noisy, target) == pytest.approx(-20 * np.log10(sigma))
    assert mae.score(noisy, target) == pytest.approx(sigma)
    assert np.array_equal(noisy, noisy_ground_truth(target, sigma, seed=1))
    if sigma < 0.5:
        assert not np.array_equal(noisy, noisy_ground_truth(target, sigma, seed=2))
        assert abs((noisy - target).mean()) < sigma / 10


@pytest.mark.parametrize("sigma", [0.0, -0.1, 0.6])
def test_noise_beyond_its_range_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma"):
        noisy_ground_truth(np.zeros((8, 8, 3)), sigma, seed=0)
