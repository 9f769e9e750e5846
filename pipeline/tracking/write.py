"""Numbers of a run into MLflow, in batches of the sizes that it accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_TEXTS, _POINTS = 100, 1000
"""Most parameters or tags, and most points of metrics, of one batch in MLflow."""

Point = tuple[str, float, int, int]
"""Name, value, time in ms since 1970, step."""


def log_numbers(
    client: MlflowClient,
    run: str,
    points: Sequence[Point],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    """Write points of metrics, parameters and tags of a run."""
    from mlflow.entities import Metric, Param, RunTag

    chosen = [Param(name, text) for name, text in params.items()]
    marks = [RunTag(name, text) for name, text in tags.items()]
    for start in range(0, max(len(chosen), len(marks)), _TEXTS):
        part = slice(start, start + _TEXTS)
        client.log_batch(run, (), chosen[part], marks[part])
    # A batch holds 1000 parts in all, whatever they are.
    for start in range(0, len(points), _POINTS):
        client.log_batch(run, [Metric(*point) for point in points[start : start + _POINTS]])


def log_dataset(
    client: MlflowClient, run: str, name: str, digest: str, source: str, context: str | None
) -> None:
    """Write which data set a run used, and for what (`context`: training or test)."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(name, digest, "dmtbench", source)
    tags = [InputTag("mlflow.data.context", context)] if context is not None else []
    client.log_inputs(run, [DatasetInput(dataset, tags)])
