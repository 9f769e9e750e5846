"""Exported runs back into MLflow, in another store or on another machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.tracking.names import COLLECTS, DIGEST, EXPERIMENT, PARENT
from pipeline.tracking.parent import Parent
from pipeline.tracking.run_file import ExportedRun, read_run_file
from pipeline.tracking.search import found_runs
from pipeline.tracking.store import database_of, experiment_of, opened
from pipeline.tracking.write import log_dataset, log_numbers

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

IMPORTED = "dmtbench.imported_sha256"
"""Of a run that was imported completely: what it said in the file."""
_UNFINISHED = "dmtbench.import_unfinished"
_LATE = (DIGEST, COLLECTS)
"""Marks of complete runs, which come last."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def import_runs(file: Path, uri: str, artifact_root: Path) -> tuple[int, int]:
    """Add the runs of a file to a store; a run that is there already is left as it is.

    A run counts as there if it has the same records, was exported from there, or was imported from
    a file that said the same. Parents keep their children; the views are made again. Artifacts
    are not in the file.

    Args:
        file: written by `export_runs`.
        uri: of the store.
        artifact_root: where artifacts of new experiments in a SQLite store lie.

    Returns:
        How many were added, and how many were there.

    Raises:
        RecordError: the file is not one of exported runs; nothing was written.
        DataError: the store cannot be opened or written.
    """
    content = read_run_file(file)
    with opened(uri) as client:
        experiment = experiment_of(client, content.experiment, uri, artifact_root)
        known = _Known(client, experiment)
        ids = {run.id: known.of(run) for run in content.runs}
        missing = [run for run in content.runs if ids[run.id] is None]
        for run in missing:
            ids[run.id] = _add(client, experiment, run)
        for run in missing:
            parent = ids[run.parent] if run.parent is not None else None
            _finish(client, str(ids[run.id]), run, parent)
        names = {run.tags.get(EXPERIMENT, "") for run in content.runs}
        for name in sorted(filter(_NAME.fullmatch, names)):
            Parent(client, experiment, name, database_of(uri)).describe(None)
    return len(missing), len(content.runs) - len(missing)


class _Known:
    """The runs of a store, by whatever shows that two are the same."""

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self.ids: set[str] = set()
        self.by_tag: dict[tuple[str, str], str] = {}
        for run in found_runs(client, experiment, ""):
            tags, number = run.data.tags, run.info.run_id
            if _UNFINISHED in tags:
                client.delete_run(number)
                continue
            self.ids.add(number)
            for tag in (DIGEST, COLLECTS, IMPORTED):
                if tag in tags:
                    self.by_tag[tag, tags[tag]] = number

    def of(self, run: ExportedRun) -> str | None:
        """Identifier of the run in the store, or `None`."""
        if run.id in self.ids:
            return run.id
        for tag in (DIGEST, COLLECTS):
            if (found := self.by_tag.get((tag, run.tags.get(tag, "")))) is not None:
                return found
        return self.by_tag.get((IMPORTED, run.digest()))


def _add(client: MlflowClient, experiment: str, run: ExportedRun) -> str:
    """Write a run that is recognized as unfinished until `_finish`."""
    created = client.create_run(
        experiment, start_time=run.start, run_name=run.name, tags={_UNFINISHED: "true"}
    )
    number = str(created.info.run_id)
    points = [
        (name, value, time, step)
        for name, found in run.metrics.items()
        for step, time, value in found
    ]
    late = {PARENT, IMPORTED, _UNFINISHED, *_LATE}
    tags = {name: text for name, text in run.tags.items() if name not in late}
    log_numbers(client, number, points, run.params, tags)
    for entered in run.inputs:
        log_dataset(client, number, entered.name, entered.digest, entered.source, entered.context)
    client.set_terminated(number, status=run.status, end_time=run.end)
    return number


def _finish(client: MlflowClient, number: str, run: ExportedRun, parent: str | None) -> None:
    marks = {name: run.tags[name] for name in _LATE if name in run.tags}
    marks |= {PARENT: parent} if parent is not None else {}
    for name, text in {**marks, IMPORTED: run.digest()}.items():
        client.set_tag(number, name, text)
    client.delete_tag(number, _UNFINISHED)
