"""Other ways to score a pair of images, each with the reason why its values differ from ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipeline.data.bit_depth import at_depth, unit_range
from pipeline.evaluation.metrics import mae, psnr, ssim

Image = NDArray[np.float64]
Scored = Mapping[str, float]

METRICS = ("psnr", "ssim", "mae")
PACKAGES = ("torchmetrics", "piq")
GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


@dataclass(frozen=True)
class Pair:
    """A blurred input and its target: uint16 `[H, W, 3]`, RGB."""

    source: NDArray[np.uint16]
    target: NDArray[np.uint16]

    @property
    def prediction(self) -> Image:
        """Unsharp masking of the input, neither clamped nor quantized."""
        image = unit_range(self.source, np.float64)
        return image + 1.5 * (image - cv2.GaussianBlur(image, (0, 0), 1.5))

    @property
    def images(self) -> tuple[Image, Image]:
        """Prediction and target by our protocol."""
        return np.clip(self.prediction, 0, 1), unit_range(self.target, np.float64)


@dataclass(frozen=True)
class Call:
    """A way to score. `who` scores like this, or would; `reason`: why values differ from ours.

    `package`: what it needs beyond this project's dependencies.
    """

    name: str
    who: str
    reason: str
    score: Callable[[Pair], Scored]
    package: str = ""


def ours(prediction: Image, target: Image) -> Scored:
    """Our metrics."""
    images = prediction, target
    return {"psnr": psnr.score(*images), "ssim": ssim.score(*images), "mae": mae.score(*images)}


def similarity(prediction: Image, target: Image, **options: Any) -> Scored:
    """SSIM of scikit-image, data range 1 and channels apart unless `options` say otherwise."""
    settings = {"data_range": 1.0, "channel_axis": -1, **options}
    value = structural_similarity(target, prediction, **settings)  # type: ignore[no-untyped-call]
    return {"ssim": float(value)}


def _float32(pair: Pair) -> Scored:
    prediction, target = (image.astype(np.float32) for image in pair.images)
    ratio = peak_signal_noise_ratio(target, prediction, data_range=1)  # type: ignore[no-untyped-call]
    error = float(np.mean(np.abs(target - prediction)))
    return {"psnr": float(ratio), **similarity(prediction, target), "mae": error}  # type: ignore[arg-type]


def _eight_bit_truth(pair: Pair) -> Scored:
    return ours(pair.images[0], unit_range(at_depth(pair.target, 8), np.float64))


def _saved(levels: int, rounding: Callable[[Image], Image]) -> Callable[[Pair], Scored]:
    def score(pair: Pair) -> Scored:
        prediction, target = pair.images
        return ours(rounding(prediction * levels) / levels, target)

    return score


def _gray(pair: Pair) -> Scored:
    prediction, target = (rgb2gray(image) for image in pair.images)  # type: ignore[no-untyped-call]
    error = float(np.mean((target - prediction) ** 2))
    gray = similarity(prediction, target, channel_axis=None)
    return {
        "psnr": -10 * math.log10(error),
        **gray,
        "mae": float(np.abs(target - prediction).mean()),
    }


def _half(pair: Pair) -> Scored:
    height, width, _ = pair.target.shape
    size = (width // 2, height // 2)
    small = (cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in pair.images)
    prediction, target = small
    return ours(np.asarray(prediction), np.asarray(target))


def _torchmetrics(**options: Any) -> Callable[[Pair], Scored]:
    def score(pair: Pair) -> Scored:
        functional = import_module("torchmetrics.functional.image")
        images = _batches(pair)
        value = functional.structural_similarity_index_measure(*images, data_range=1.0, **options)
        ratio = functional.peak_signal_noise_ratio(*images, data_range=1.0)
        return {"psnr": float(ratio), "ssim": float(value)}

    return score


def _piq(**options: Any) -> Callable[[Pair], Scored]:
    def score(pair: Pair) -> Scored:
        package, images = import_module("piq"), _batches(pair)
        value = package.ssim(*images, data_range=1.0, **options)
        return {"psnr": float(package.psnr(*images, data_range=1.0)), "ssim": float(value)}

    return score


def _batches(pair: Pair) -> list[Any]:
    import torch

    return [torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in pair.images]


CALLS = (
    Call(
        "scikit-image 7×7 uniform, float64",
        "DPDNet, RDPD; IFAN's SSIM",
        "none: the definition",
        lambda pair: {
            "psnr": float(peak_signal_noise_ratio(*pair.images[::-1], data_range=1)),  # type: ignore[no-untyped-call]
            **similarity(*pair.images, win_size=7),
            "mae": float(np.abs(pair.images[1] - pair.images[0]).mean()),
        },
    ),
    Call("the same, float32", "Restormer", "rounding of float32", _float32),
    Call(
        "8-bit ground truth",
        "RDPD, IFAN",
        "the high byte of the target is darker by half a level on average",
        _eight_bit_truth,
    ),
    Call(
        "saved at 8 bits, truncated",
        "whoever scores RDPD's saved images",
        "truncation darkens by half a level on average",
        _saved(255, np.floor),
    ),
    Call(
        "saved at 8 bits, rounded",
        "whoever scores 8-bit PNG files",
        "rounding adds noise of variance 1/12 of a squared level",
        _saved(255, np.rint),
    ),
    Call(
        "saved at 16 bits, truncated",
        "whoever scores DPDNet's saved images",
        "truncation, 256 times as fine",
        _saved(65535, np.floor),
    ),
    Call(
        "not clamped",
        "Restormer's validation during training",
        "overshoots beyond black and white count as errors",
        lambda pair: ours(pair.prediction, pair.images[1]),
    ),
    Call(
        "Gaussian window",
        "Wang et al. 2004 (σ 1.5, population covariance), per channel",
        "weights the center; variances are not enlarged by 49/48",
        lambda pair: similarity(*pair.images, **GAUSSIAN),
    ),
    Call(
        "uniform window, population covariance",
        "`use_sample_covariance=False`",
        "variances and covariance are smaller by 48/49 against the constant C2",
        lambda pair: similarity(*pair.images, use_sample_covariance=False),
    ),
    Call(
        "data range 2",
        "scikit-image's guess for float images, before it asked for the range",
        "C1 and C2 are four times as large, which hides differences in dark and flat areas",
        lambda pair: similarity(*pair.images, data_range=2.0),
    ),
    Call(
        "gray",
        "`rgb2gray` of scikit-image, then one channel",
        "errors of the colors average out",
        _gray,
    ),
    Call("half size", "area averages", "fine errors average out", _half),
    Call(
        "torchmetrics, defaults",
        "`structural_similarity_index_measure`",
        "Gaussian window; the border counts too, with mirrored pixels around it",
        _torchmetrics(),
        "torchmetrics",
    ),
    Call(
        "torchmetrics, uniform 7×7",
        "`gaussian_kernel=False, kernel_size=7`",
        "population covariance; the border counts too",
        _torchmetrics(gaussian_kernel=False, kernel_size=7),
        "torchmetrics",
    ),
    Call(
        "piq, defaults",
        "`piq.ssim`, `piq.psnr`",
        "Gaussian window without padding; images above 384 pixels are first made smaller",
        _piq(),
        "piq",
    ),
)
