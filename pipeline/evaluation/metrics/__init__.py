"""Image quality metrics: one module each, found through the configuration.

A metric module holds `UNIT`, `HIGHER_IS_BETTER`, `score(prediction, target)` and, where it may be
impossible to compute, `status()`. A new metric is such a module and one entry under `metrics:`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.methods import MetricEntry
from pipeline.errors import ConfigError

Image = NDArray[np.float64]
COMPUTED = "computed"
_CONTRACT = ("UNIT", "HIGHER_IS_BETTER", "score")


@dataclass(frozen=True)
class Metric:
    """One configured metric; `unit` is empty for a plain number."""

    name: str
    module: ModuleType

    @property
    def unit(self) -> str:
        """Unit of the score, e.g. `dB`; empty for a plain number."""
        return str(self.module.UNIT)

    @property
    def higher_is_better(self) -> bool:
        """Direction of the score."""
        return bool(self.module.HIGHER_IS_BETTER)

    def score(self, prediction: Image, target: Image) -> float | None:
        """Score of one image; `None` where the metric cannot be computed on this machine.

        Args:
            prediction: float64 `[H, W, 3]`, RGB in [0, 1].
            target: the ground truth, alike.
        """
        value = self.module.score(prediction, target)
        return None if value is None else float(value)

    def status(self) -> str:
        """`computed`, or the reason why this metric has no value."""
        report = getattr(self.module, "status", None)
        return COMPUTED if report is None else str(report())


def load_metrics(entries: Mapping[str, MetricEntry]) -> dict[str, Metric]:
    """Import the metrics of a configuration (`Experiment.metrics`), in its order.

    Raises:
        ConfigError: a module cannot be imported or lacks a part of the contract.
    """
    return {name: Metric(name, _module(name, entry)) for name, entry in entries.items()}


def _module(name: str, entry: MetricEntry) -> ModuleType:
    try:
        module = importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"metric {name!r}: module {entry.module!r} cannot be imported ({error}); "
            "check `module:` in the configuration"
        ) from error
    missing = [part for part in _CONTRACT if not hasattr(module, part)]
    if missing:
        raise ConfigError(
            f"metric {name!r}: module {entry.module!r} lacks {', '.join(missing)}; "
            "a metric needs UNIT, HIGHER_IS_BETTER and score(prediction, target)"
        )
    return module


def score_image(
    metrics: Mapping[str, Metric], prediction: Image, target: Image
) -> dict[str, float | None]:
    """Score one image with every metric.

    Args:
        metrics: what `load_metrics` returned.
        prediction: float64 `[H, W, 3]`, RGB, clamped to [0, 1], not quantized.
        target: the ground truth, float64 of the same shape and range.

    Returns:
        The scores by metric name; `None` for a metric that cannot be computed here.

    Raises:
        TypeError: an image is not a float64 array.
        ValueError: an image is not `[H, W, 3]`, leaves [0, 1], is not finite, or the sizes differ.

    Example:
        >>> modules = {name: f"pipeline.evaluation.metrics.{name}" for name in ("psnr", "mae")}
        >>> metrics = load_metrics({n: MetricEntry(module=m) for n, m in modules.items()})
        >>> gray = np.full((8, 8, 3), 0.5)
        >>> score_image(metrics, gray, gray)
        {'psnr': 100.0, 'mae': 0.0}
    """
    _check("prediction", prediction)
    _check("target", target)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {prediction.shape}, target {target.shape}: sizes differ")
    return {name: metric.score(prediction, target) for name, metric in metrics.items()}


def _check(role: str, image: Any) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.float64:
        found = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise TypeError(f"{role} must be a float64 array, not {found}; scale it to [0, 1] first")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"{role} must have the shape [H, W, 3], not {list(image.shape)}")
    low, high = float(image.min()), float(image.max())
    # Written so that NaN, which fails every comparison, is refused as well.
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{role} must lie in [0, 1] and be finite, found [{low}, {high}]")
