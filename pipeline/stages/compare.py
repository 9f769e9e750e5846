"""Comparison stage: two runs of an experiment, found by name or folder."""

from __future__ import annotations

from typing import Any

from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError
from pipeline.evaluation.metrics import load_metrics
from pipeline.reporting.two_runs import RunsCompared, compare_runs, read_run
from pipeline.result_folder import result_folder

METRIC_COLUMNS = (
    "metric", "unit", "one", "other", "difference", "low", "high", "p", "p_holm", "effect", "better"
)  # fmt: skip


def compare(experiment: Experiment, one: str, other: str) -> RunsCompared:
    """Compare two runs image by image.

    Args:
        experiment: its data set and metrics.
        one, other: folders of results or of runs, or names such as `dmtnet-b-seed0`.

    Raises:
        ConfigError: there is no such result.
        RecordError: a record is damaged, or the runs were not scored alike.
    """
    runs = [read_run(result_folder(experiment, name)) for name in (one, other)]
    return compare_runs(runs[0], runs[1], load_metrics(experiment.metrics))


def metric_rows(found: RunsCompared) -> list[dict[str, Any]]:
    """One row per metric, with the columns `METRIC_COLUMNS`."""
    rows = []
    for metric in found.metrics:
        row = {**vars(metric), "low": metric.interval[0], "high": metric.interval[1]}
        del row["interval"]
        names = {"one_run": found.one.name, "other_run": found.other.name}
        rows.append({**row, **names, "images": len(found.scenes)})
    return rows


def scene_rows(found: RunsCompared, metric: str, count: int | None) -> list[dict[str, Any]]:
    """The images with the largest differences in one metric, the largest first.

    Args:
        found: the comparison.
        metric: the metric.
        count: number of images; `None` for all.

    Raises:
        ConfigError: the runs do not have the metric.
    """
    known = [one.metric for one in found.metrics]
    if metric not in known:
        raise ConfigError(f"--metric {metric}: not in both runs; they have {', '.join(known)}")
    rows: list[dict[str, Any]] = [
        {"scene": scene, "category": found.one.images[scene].category, "metric": metric,
         "one": values[metric][0], "other": values[metric][1],
         "difference": values[metric][0] - values[metric][1]}
        for scene, values in found.scenes
    ]  # fmt: skip
    rows.sort(key=lambda row: (-abs(row["difference"]), row["scene"]))
    return rows[:count]
