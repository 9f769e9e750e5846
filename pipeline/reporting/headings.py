"""Headings of scores: name, unit and direction, as the metric's module declares them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pipeline.config.experiment import load_methods
from pipeline.config.methods import MetricEntry
from pipeline.evaluation.metrics import Metric, load_metrics
from pipeline.reporting.published import PAPER_METRICS

Metrics = Mapping[str, Metric]

_DIRECTIONS = {True: "↑", False: "↓"}


def shown_metrics(entries: Mapping[str, MetricEntry]) -> dict[str, Metric]:
    """The metrics of a configuration that tables and plots show: those of the paper.

    Raises:
        ConfigError: a module cannot be imported or breaks the contract.
    """
    return load_metrics({name: entries[name] for name in PAPER_METRICS if name in entries})


@cache
def higher_is_better() -> Mapping[str, bool]:
    """Directions of the paper's metrics, as their modules in the method list declare them.

    Raises:
        ConfigError: a module breaks the contract.
    """
    metrics = shown_metrics(load_methods().metrics)
    return {name: metric.declaration.higher_is_better for name, metric in metrics.items()}


def score_heading(name: str, metrics: Metrics, qualifier: str = "") -> str:
    """For example `PSNR published (dB) ↑`; without unit and arrow for a metric not in `metrics`.

    Args:
        name: of the metric in the configuration.
        metrics: declarations by name.
        qualifier: what follows the name, e.g. `published`.
    """
    parts = [name.upper(), qualifier]
    if name in metrics:
        declared = metrics[name].declaration
        parts += [f"({declared.unit})" if declared.unit else ""]
        parts += [_DIRECTIONS[declared.higher_is_better]]
    return " ".join(part for part in parts if part)
