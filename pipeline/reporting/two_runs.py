"""Two runs on the same images: how far apart they are, metric by metric and image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.artifacts import PER_IMAGE_FILE, RECORD
from pipeline.errors import RecordError
from pipeline.evaluation.metrics import Metric
from pipeline.evaluation.scores import ImageScores, read_per_image
from pipeline.records import MAIN_GROUP, ResultRecord, read_record
from pipeline.statistics.bootstrap import over_images, wilcoxon_p
from pipeline.statistics.families import holm
from pipeline.statistics.means import effect_size, mean_of


@dataclass(frozen=True)
class RunScores:
    """A result: its folder, record and scores by image."""

    folder: Path
    record: ResultRecord
    images: Mapping[str, ImageScores]

    @property
    def name(self) -> str:
        """The folder's name, such as `dmtnet-b-seed0`."""
        return self.folder.name


@dataclass(frozen=True)
class MetricDifference:
    """One metric of two runs: means over the images, and the first less the second.

    `interval`: 95 %, bootstrap over images. `p`: Wilcoxon's signed-rank test over images,
    two-sided; `p_holm`: corrected over the metrics. `effect`: Cohen's d over images. `better`: the
    run with the better mean, `one` or `other`, if the interval leaves out 0.
    """

    metric: str
    unit: str
    one: float
    other: float
    difference: float
    interval: tuple[float, float]
    p: float
    p_holm: float
    effect: float | None
    better: str | None


@dataclass(frozen=True)
class RunsCompared:
    """Two runs, their differences by metric, and by image: scene, and values by metric."""

    one: RunScores
    other: RunScores
    metrics: list[MetricDifference]
    scenes: list[tuple[str, dict[str, tuple[float, float]]]]


def read_run(folder: Path) -> RunScores:
    """Read a result folder; only the main group of its images counts.

    Raises:
        RecordError: it has no record or scores, or they are damaged.
    """
    record = read_record(folder / RECORD, ResultRecord)
    images = read_per_image(folder / PER_IMAGE_FILE)
    return RunScores(folder, record, {row.scene: row for row in images if row.group == MAIN_GROUP})


def compare_runs(one: RunScores, other: RunScores, metrics: Mapping[str, Metric]) -> RunsCompared:
    """Compare two runs on their images.

    Args:
        one, other: of the same data set and protocol.
        metrics: of the experiment; those that both runs have are compared.

    Raises:
        RecordError: data sets, protocols or images differ, there are too few images, or no metric
            is common.
    """
    _check_alike(one, other)
    common = [name for name in metrics if all(_complete(run, name) for run in (one, other))]
    if not common:
        raise RecordError(f"{one.name} and {other.name}: no common metric; evaluate one again")
    values = {name: [_values(run, name) for run in (one, other)] for name in common}
    raw = [_difference(one, other, name, metrics[name], values[name]) for name in common]
    corrected = holm([found.p for found in raw])
    scenes = [
        (scene, {name: (values[name][0][scene], values[name][1][scene]) for name in common})
        for scene in one.images
    ]
    found = [
        MetricDifference(**{**vars(row), "p_holm": p})
        for row, p in zip(raw, corrected, strict=True)
    ]
    return RunsCompared(one, other, found, scenes)


def _difference(
    one: RunScores,
    other: RunScores,
    name: str,
    metric: Metric,
    values: list[dict[str, float]],
) -> MetricDifference:
    differences = np.array([value - values[1][scene] for scene, value in values[0].items()])
    low, high = over_images(differences)
    higher = metric.declaration.higher_is_better
    better = None
    if low > 0 or high < 0:
        better = "one" if (low > 0) == higher else "other"
    means = [float(np.mean(list(part.values()))) for part in values]
    p = wilcoxon_p(differences)
    return MetricDifference(
        metric=name,
        unit=metric.declaration.unit,
        one=means[0],
        other=means[1],
        difference=float(differences.mean()),
        interval=(low, high),
        p=p,
        p_holm=p,
        effect=effect_size(mean_of(differences.tolist())),
        better=better,
    )


def _check_alike(one: RunScores, other: RunScores) -> None:
    for what, first, second in (
        ("data sets", one.record.dataset, other.record.dataset),
        ("protocols", one.record.protocol.id, other.record.protocol.id),
    ):
        if first != second:
            raise RecordError(
                f"{one.name} and {other.name}: {what} differ ({first}, {second}); compare runs "
                "that were scored alike"
            )
    if one.images.keys() != other.images.keys() or len(one.images) < 2:
        raise RecordError(
            f"{one.name} and {other.name}: scored on {len(one.images)} and {len(other.images)} "
            "images, which must be the same two or more; evaluate one again"
        )


def _complete(run: RunScores, metric: str) -> bool:
    return all(row.values.get(metric) is not None for row in run.images.values())


def _values(run: RunScores, metric: str) -> dict[str, float]:
    found = {scene: row.values[metric] for scene, row in run.images.items()}
    return {scene: value for scene, value in found.items() if value is not None}
