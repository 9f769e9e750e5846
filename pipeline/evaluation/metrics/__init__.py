"""Image quality metrics: one module each, found through the configuration.

`MetricDeclaration` is what a metric's module declares. A new metric is such a module and one entry
under `metrics:`. Tables read units and directions too: the module loads torch only where it scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import StrictBool
from pydantic.dataclasses import dataclass as validated

from pipeline.config.methods import MetricEntry
from pipeline.plugins import Contract, function_field
from pipeline.public_text import public_text

Image = NDArray[np.float64]
COMPUTED, NOT_COMPUTED = "computed", "not computed"
"""How the status of a metric with or without values begins."""


@validated(frozen=True)
class MetricDeclaration:
    """What a metric's module declares: constants, `score`, and maybe `status` and `lacks`.

    Args:
        unit: of the score, e.g. `dB`; empty for a plain number.
        higher_is_better: direction of the score.
        score: maps prediction and ground truth to the score of one image.
        status: tells `computed`; `not computed: ` with the reason why there is no value on this
            machine; or `failed: ` with a reason that scoring again does not remove.
        lacks: tells what must be added to this machine, empty if nothing. It loads no torch: before
            a run, it decides whether results with the status `not computed` are made again.
    """

    unit: str
    higher_is_better: StrictBool
    score: Callable[..., Any] = function_field()
    status: Callable[[], str] | None = function_field(default=None)
    lacks: Callable[[], str] | None = function_field(default=None)


_CONTRACT = Contract("metric", MetricDeclaration, "docs/adding_a_metric.md")


@dataclass(frozen=True)
class Metric:
    """One configured metric."""

    declaration: MetricDeclaration

    def score(self, prediction: Image, target: Image) -> float | None:
        """Score of one image; `None` where the metric cannot be computed on this machine.

        Args:
            prediction: float64 `[H, W, 3]`, RGB in [0, 1].
            target: the ground truth, in the same format.
        """
        value = self.declaration.score(prediction, target)
        return None if value is None else float(value)

    def status(self) -> str:
        """`computed`, or the reason why this metric has no value; paths as others may see them."""
        report = self.declaration.status
        return COMPUTED if report is None else public_text(report())

    def lacks(self) -> str | None:
        """What must be added to this machine, empty if nothing; `None` if the module can't tell."""
        return None if self.declaration.lacks is None else self.declaration.lacks()


def load_metrics(entries: Mapping[str, MetricEntry]) -> dict[str, Metric]:
    """Import the metrics of a configuration (`Experiment.metrics`), in its order.

    Raises:
        ConfigError: a module cannot be imported or breaks the contract.
    """
    return {name: Metric(_CONTRACT.load(name, entry.module)) for name, entry in entries.items()}


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
