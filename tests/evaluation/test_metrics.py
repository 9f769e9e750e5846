"""Metrics against the DPDD benchmark's definitions (DPDNet, ECCV 2020) and the metric contract."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from pipeline.config.experiment import load_methods
from pipeline.config.methods import MetricEntry
from pipeline.errors import ConfigError
from pipeline.evaluation.metrics import load_metrics, mae, psnr, score_image, ssim

Image = NDArray[np.float64]


def case_a() -> tuple[Image, Image]:
    target = np.random.RandomState(0).random_sample((64, 80, 3))
    noise = np.random.RandomState(1).standard_normal((64, 80, 3))
    return target, np.clip(target + 0.1 * noise, 0, 1)


def case_b() -> tuple[Image, Image]:
    y, x = np.arange(48)[:, None] / 10, np.arange(64)[None, :] / 10
    channels = [0.5 + 0.4 * np.sin(y + k) * np.cos(x * (k + 1)) for k in range(3)]
    target = np.stack(channels, axis=-1)
    return target, 0.9 * np.roll(target, 1, axis=1) + 0.03


# Computed once with the definitions of the benchmark's own scoring code.
GOLDENS = {
    "a": (case_a, 20.47077730854558, 0.9463806284699127, 0.07490151398369096, 0.9450506523538561),
    "b": (case_b, 26.242770441996583, 0.9562327240163176, 0.03908467408518631, 0.9593764877422922),
}
SMALL: Image = np.full((8, 8, 3), 0.5)


@pytest.mark.parametrize("name", GOLDENS)
def test_metrics_have_the_values_of_the_benchmark(name: str) -> None:
    case, *expected, gaussian = GOLDENS[name]
    target, prediction = case()
    found = [metric.score(prediction, target) for metric in (psnr, ssim, mae)]
    assert found == pytest.approx(expected, rel=0, abs=1e-9)
    other = structural_similarity(  # type: ignore[no-untyped-call]
        target,
        prediction,
        data_range=1,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert other == pytest.approx(gaussian, rel=0, abs=1e-9)
    assert abs(found[1] - other) > 1e-3


def test_identical_images_count_as_100_db() -> None:
    assert psnr.score(SMALL, SMALL) == 100.0
    assert ssim.score(SMALL, SMALL) == pytest.approx(1)
    assert mae.score(SMALL, SMALL) == 0


def test_psnr_pools_the_error_over_channels() -> None:
    prediction = SMALL.copy()
    prediction[..., 0] += 0.3
    assert psnr.score(prediction, SMALL) == pytest.approx(10 * np.log10(3 / 0.09))


def test_ssim_refuses_images_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="7x7"):
        ssim.score(SMALL[:6], SMALL[:6])


def test_configured_metrics_tell_unit_and_direction() -> None:
    metrics = load_metrics(load_methods().metrics)
    assert list(metrics) == ["psnr", "ssim", "mae", "lpips"]
    assert [metric.declaration.higher_is_better for metric in metrics.values()] == [
        True,
        True,
        False,
        False,
    ]
    assert metrics["psnr"].declaration.unit == "dB"
    assert metrics["psnr"].status() == "computed"


def test_a_new_metric_is_one_module_and_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "largest_error_metric.py").write_text(
        "import numpy as np\nUNIT = ''\nHIGHER_IS_BETTER = False\n"
        "def score(prediction, target):\n    return np.max(np.abs(prediction - target))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    entries = {**load_methods().metrics, "largest": MetricEntry(module="largest_error_metric")}
    entries.pop("lpips")
    prediction = SMALL.copy()
    prediction[3, 4, 1] = 0.75
    values = score_image(load_metrics(entries), prediction, SMALL)
    assert list(values) == ["psnr", "ssim", "mae", "largest"]
    assert values["largest"] == 0.25
    assert type(values["largest"]) is float
    sys.modules.pop("largest_error_metric")


@pytest.mark.parametrize(
    ("module", "message"),
    [("no_such_metric_module", "cannot be imported"), ("pipeline.files", "lacks UNIT")],
)
def test_a_wrong_metric_module_is_a_config_error(module: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_metrics({"wrong": MetricEntry(module=module)})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("HIGHER_IS_BETER = True", "declares HIGHER_IS_BETER, .*did you mean HIGHER_IS_BETTER"),
        ("HIGHER_IS_BETTER = 'yes'", "has a wrong HIGHER_IS_BETTER: "),
        ("UNIT = None", "has a wrong UNIT: "),
    ],
)
def test_a_metric_module_that_breaks_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    source = "UNIT = ''\nHIGHER_IS_BETTER = True\nscore = max\n"
    (tmp_path / "misspelled_metric.py").write_text(source + line)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=f"{message}.*see docs/adding_a_metric.md"):
        load_metrics({"wrong": MetricEntry(module="misspelled_metric")})
    sys.modules.pop("misspelled_metric")


@pytest.mark.parametrize(
    ("prediction", "kind", "message"),
    [
        (SMALL.astype(np.float32), TypeError, "float64 array, not float32"),
        (SMALL.tolist(), TypeError, "not list"),
        (SMALL[..., 0], ValueError, r"\[H, W, 3\]"),
        (SMALL[:, :4], ValueError, "sizes differ"),
        (SMALL + 0.6, ValueError, r"must lie in \[0, 1\]"),
        (SMALL - 0.6, ValueError, r"must lie in \[0, 1\]"),
        (np.full_like(SMALL, np.nan), ValueError, "finite"),
    ],
)
def test_wrong_images_are_refused_at_the_door(
    prediction: Image, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        score_image({}, prediction, SMALL)
