"""Controls with known scores, scored before every evaluation: numbers of a wrong ruler are refused.

They are scored on the central part of one test scene, by the metrics of the experiment:

- the ground truth itself;
- the ground truth plus or minus `SIGMA`, whose PSNR and MAE follow from `SIGMA` alone. Its SSIM is
  compared with scikit-image's, called here by the protocol's definition;
- the combined and the left view, passed through the path of every prediction. Their PSNR and MAE
  are computed here from the integer pixel values.

The remaining checks, of data and of trained networks, are in `pipeline.evaluation.sanity`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from pipeline.data.bit_depth import PEAK
from pipeline.data.manifest import ManifestRow
from pipeline.errors import ControlError
from pipeline.evaluation.inference import Scene, ground_truth, predict
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics import Metric, score_image
from pipeline.records import MAIN_GROUP, ControlScore

Controls = dict[str, dict[str, ControlScore]]
"""Expected and found scores, by control and metric."""

SIGMA = 0.05
"""Amplitude of the noise, on the [0, 1] scale: 26.02 dB."""

SIDE = 256
"""Side, in pixels, of the part of a scene that is scored; smaller images are scored whole."""

TOLERANCE = {"psnr": 1e-3, "ssim": 1e-6, "mae": 1e-6, "lpips": 1e-6}
"""Largest deviation from an expected score, by metric: rounding errors of float32 predictions."""

_IDENTICAL = {"psnr": 100.0, "ssim": 1.0, "mae": 0.0, "lpips": 0.0}
_VIEWS = ("left", "right", "combined")
# Below this MSE (60 dB) the rounding of a float32 prediction moves PSNR by more than its tolerance.
_LEAST_MSE = 1e-6


def check_controls(
    ready: Prepared, *, read: Callable[[ManifestRow], Scene], metrics: Mapping[str, Metric]
) -> Controls:
    """Score all controls on the first test scene that has ground truth.

    Metrics of other names than `TOLERANCE` have no expected score and are left out.

    Args:
        ready: protocol, device and scenes of the evaluation that follows.
        read: reads one scene, e.g. `partial(read_scene, root)`.
        metrics: what `load_metrics` returned.

    Returns:
        What was expected and found; empty if no scene has ground truth.

    Raises:
        ControlError: a score is not the expected one.
        DataError: the scene cannot be read.
    """
    known = {name: metric for name, metric in metrics.items() if name in TOLERANCE}
    found: Controls = {}
    for row in scored_first(ready)[:1]:
        part = _central(read(row))
        target = ground_truth(part, ready.protocol.ground_truth_bits)
        noisy = noisy_ground_truth(target, SIGMA, seed=0)
        images = {
            "ground truth": (target, _IDENTICAL),
            f"ground truth with noise of {SIGMA:g}": (noisy, _of_noise(noisy, target, known)),
        }
        for name, view in (("input", "combined"), ("left view", "left")):
            images[name] = (_passed_through(ready, part, view), _exact(ready, part, view))
        for control, (image, scores) in images.items():
            chosen = {name: metric for name, metric in known.items() if name in scores}
            values = score_image(chosen, image, target)
            found[control] = {
                name: _as_expected(control, name, scores[name], value)
                for name, value in values.items()
                if value is not None
            }
    return found


def scored_first(ready: Prepared) -> list[ManifestRow]:
    """Scenes with ground truth: those of the main group, or all if it has none."""
    rows = [row for row in ready.rows if row.target]
    return [row for row in rows if row.group == MAIN_GROUP] or rows


def noisy_ground_truth(target: NDArray[np.float64], sigma: float, seed: int) -> NDArray[np.float64]:
    """The target plus or minus `sigma`, signs at random: a prediction whose scores are known.

    A sign that would leave [0, 1] is flipped, so that clamping changes nothing: PSNR is
    `-20 log10(sigma)` dB and MAE is `sigma`, up to rounding.

    >>> gray = np.full((8, 8, 3), 0.5)
    >>> np.unique(noisy_ground_truth(gray, 0.25, seed=0)).tolist()
    [0.25, 0.75]

    Args:
        target: any shape, values in [0, 1].
        sigma: amplitude, in (0, 0.5].
        seed: seed of the signs.

    Returns:
        An array like `target`, in [0, 1].

    Raises:
        ValueError: `sigma` is outside its range.
    """
    if not 0 < sigma <= 0.5:
        raise ValueError(f"sigma must lie in (0, 0.5], not {sigma}")
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], target.shape)
    signs[target + sigma > 1] = -1
    signs[target - sigma < 0] = 1
    return target + sigma * signs


def _of_noise(
    noisy: NDArray[np.float64], target: NDArray[np.float64], names: Container[str]
) -> dict[str, float]:
    expected = {"psnr": -20 * math.log10(SIGMA), "mae": SIGMA}
    if "ssim" in names:
        expected["ssim"] = structural_similarity(  # type: ignore[no-untyped-call]
            target, noisy, data_range=1.0, channel_axis=-1, win_size=7
        )
    return expected


def _central(scene: Scene) -> Scene:
    height, width = scene["target"].shape[:2]
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    window = (slice(top, top + SIDE), slice(left, left + SIDE))
    return {view: image[window] for view, image in scene.items()}


class _OneView(nn.Module):
    """Returns one of the views that it is given, unchanged."""

    def __init__(self, view: str) -> None:
        super().__init__()
        self.first = 3 * _VIEWS.index(view)

    def forward(self, x: Tensor, **_: tuple[int, int]) -> Tensor:
        return x[:, self.first : self.first + 3]


def _passed_through(ready: Prepared, scene: Scene, view: str) -> NDArray[np.float64]:
    return predict(
        _OneView(view),
        scene,
        views=_VIEWS,
        input_bits=ready.protocol.input_bits,
        compute=ready.loaded.run.compute,
        device=ready.device,
        tiling=ready.tiling,
    )


def _exact(ready: Prepared, scene: Scene, view: str) -> dict[str, float]:
    """MAE, and PSNR unless the images are nearly the same, from integers."""
    shown = _kept(scene[view], ready.protocol.input_bits)
    target = _kept(scene["target"], ready.protocol.ground_truth_bits)
    errors = np.abs(shown - target)
    mse = float(np.mean(errors**2)) / PEAK**2
    exact = {"mae": float(np.mean(errors)) / PEAK}
    return exact | ({"psnr": -10 * math.log10(mse)} if mse >= _LEAST_MSE else {})


def _kept(values: NDArray[np.uint16], bits: int) -> NDArray[np.int64]:
    # Written out, so that an error in `pipeline.data.bit_depth` does not hide itself.
    whole = values.astype(np.int64)
    return whole if bits == 16 else whole // 256 * 257


def _as_expected(control: str, metric: str, expected: float, found: float) -> ControlScore:
    # Written so that NaN is refused as well.
    if not abs(found - expected) <= TOLERANCE[metric]:
        raise ControlError(
            f"control {control!r}: {metric} is {found:.6g}, expected {expected:.6g}; nothing is "
            f"scored until it is: check the module of `metrics: {metric}` and pipeline/evaluation"
        )
    return ControlScore(expected=expected, found=found)
