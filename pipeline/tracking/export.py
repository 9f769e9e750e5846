"""MLflow runs to one JSON file: readable anywhere, in years, without MLflow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError
from pipeline.tracking.artifacts import artifact_paths
from pipeline.tracking.names import PARENT
from pipeline.tracking.run_file import ExportedRun, InputSet, RunFile, write_run_file
from pipeline.tracking.search import found_runs
from pipeline.tracking.store import database_of, opened

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_CONTEXT = "mlflow.data.context"


def export_runs(uri: str, experiment: str, file: Path) -> int:
    """Write every run of an MLflow experiment that was not deleted, superseded ones included.

    Artifacts stay where they are; the file lists their paths.

    Args:
        uri: of the store.
        experiment: name of the MLflow experiment, that is of the data set.
        file: JSON file to write.

    Returns:
        The number of runs.

    Raises:
        DataError: the store cannot be read, has no such experiment, or a run has names that could
            not be imported again.
    """
    with opened(uri) as client:
        known = client.get_experiment_by_name(experiment)
        if known is None:
            raise DataError(
                f"{uri}: has no experiment {experiment!r}; import it with `dmtbench track`"
            )
        runs = found_runs(client, str(known.experiment_id), "")
        there = {run.info.run_id for run in runs}
        try:
            exported = [
                _exported(client, database_of(uri), run, there) for run in sorted(runs, key=_order)
            ]
            content = RunFile(experiment=experiment, runs=tuple(exported))
        except ValueError as error:
            reason = str(error).splitlines()[-1] if str(error) else "a value"
            raise DataError(
                f"{uri}: {experiment}: cannot be exported ({reason.strip()})"
            ) from error
    write_run_file(file, content)
    return len(exported)


def _order(run: Any) -> tuple[str, int, str]:
    return run.info.run_name or "", run.info.start_time, run.info.run_id


def _exported(
    client: MlflowClient, database: Path | None, run: Any, there: set[str]
) -> ExportedRun:
    tags = dict(run.data.tags)
    parent = tags.pop(PARENT, None)
    return ExportedRun(
        id=run.info.run_id,
        # Of a parent that was deleted nothing is left to point at.
        parent=parent if parent in there else None,
        name=run.info.run_name or "",
        status=run.info.status,
        start=run.info.start_time,
        end=run.info.end_time,
        params=dict(sorted(run.data.params.items())),
        tags=dict(sorted(tags.items())),
        metrics=_metrics(client, run),
        inputs=tuple(_inputs(run)),
        artifacts=tuple(artifact_paths(client, database, run.info.run_id)),
    )


def _metrics(client: MlflowClient, run: Any) -> dict[str, tuple[tuple[int, int, float], ...]]:
    points = defaultdict(list)
    for name in sorted(run.data.metrics):
        for point in client.get_metric_history(run.info.run_id, name):
            points[name].append((point.step, point.timestamp, point.value))
    return {name: tuple(sorted(found)) for name, found in points.items()}


def _inputs(run: Any) -> Iterator[InputSet]:
    for entered in run.inputs.dataset_inputs if run.inputs else ():
        found = entered.dataset
        context = next((tag.value for tag in entered.tags if tag.key == _CONTEXT), None)
        yield InputSet(
            name=found.name, digest=found.digest, source=found.source or "", context=context
        )
