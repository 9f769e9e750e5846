"""Result records into MLflow: one reader of records, one writer, so training needs no tracker."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError, DataError, RecordError
from pipeline.files import atomic_file
from pipeline.lease import wait_for
from pipeline.progress_bars import watched
from pipeline.records import ResultRecord, RunRecord
from pipeline.tracking.artifacts import absolute, relocate
from pipeline.tracking.entries import Entry, digest_files, read_entries

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DIGEST = "dmtbench.record_sha256"
SUPERSEDED = "superseded"

_METHOD, _REPETITION, _TABLES = "dmtbench.method", "dmtbench.repetition", "dmtbench.tables_sha256"
SQLITE = "sqlite:///"
"""Start of the address of a SQLite store."""

_BATCH = 100


@dataclass(frozen=True)
class Summary:
    """What an ingest did: runs `added`, `unchanged`, `superseded` and unfinished ones `removed`."""

    added: int
    unchanged: int
    superseded: int
    removed: int


def ingest(
    runs: Path,
    results: Path,
    tables: list[Path],
    uri: str,
    artifact_root: Path,
    wanted: Collection[str] | None = None,
) -> Summary:
    """Bring one data set's records into MLflow, as one experiment named after the data set.

    `runs` holds `<run>/{record.json, curve.csv}`, `results` holds `<run>/{record.json,
    per_image.csv, images/}`. Each (method, repetition) becomes one MLflow run with parameters,
    curves (step = epoch), final metrics (`test_combined_psnr` in dB and the like), tags from the
    records, the data manifest as input, and images, `per_image.csv`, records and `tables` as
    artifacts. `wanted` limits them to run folders of these names. Ingesting the same files again
    adds nothing; changed files make a new run, and the run they replace gets the tag `superseded`.
    In a SQLite store, the artifacts of a project that was copied or moved are found below the copy,
    and new ones are written there.

    Raises:
        RecordError: a record is malformed, or records of two data sets lie together.
        ConfigError: `uri` names a folder, which MLflow no longer supports.
        DataError: the store cannot be opened or written.
    """
    entries = read_entries(runs, results, wanted)
    if not entries:
        raise RecordError(f"{results}: no records; run the experiment first")
    names = sorted({entry.record.dataset for entry in entries})
    if len(names) > 1:
        raise RecordError(
            f"{results}: records of several data sets ({', '.join(names)}); "
            "keep each in its own folder"
        )
    with _opened(uri) as client:
        experiment = _experiment(client, names[0], artifact_root)
        database = _database(uri)
        if database is not None:
            relocate(database, experiment, artifact_root / names[0])
        return _Ingest(client, experiment, tables, database).all(entries)


class _Ingest:
    """One pass over all entries of an experiment; `database`: the file of a SQLite store."""

    def __init__(
        self, client: MlflowClient, experiment: str, tables: list[Path], database: Path | None
    ) -> None:
        self.client = client
        self.database = database
        self.experiment = experiment
        self.tables = tables
        self.tables_digest = digest_files([(path, path.name) for path in tables])

    def all(self, entries: Sequence[Entry]) -> Summary:
        """Remove leftovers, add what is new, mark what was replaced."""
        known = self._known()
        unfinished = [run for run in known if DIGEST not in run.data.tags]
        for run in unfinished:
            self.client.delete_run(run.info.run_id)
        complete = {run.data.tags[DIGEST]: run for run in known if DIGEST in run.data.tags}
        new = [entry for entry in entries if entry.digest not in complete]
        shown = bool(new) and sys.stderr.isatty()
        for entry in watched(new, len(new), "Ingesting runs", shown):
            self._add(entry)
        for entry in entries:
            if entry.digest in complete:
                self._refresh(complete[entry.digest])
        replaced = self._supersede(entries, list(complete.values()))
        return Summary(len(new), len(entries) - len(new), replaced, len(unfinished))

    def _known(self) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], f"tags.`{_METHOD}` != ''", page_token=token
            )
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _add(self, entry: Entry) -> None:
        """Write one run; the digest comes last, so that an interrupted one is recognized."""
        record = entry.record
        end = _milliseconds(record.provenance.created)
        run_id = self.client.create_run(
            self.experiment,
            start_time=end - int(1000 * record.provenance.wall_s),
            run_name=entry.name,
            tags={_METHOD: record.method, _REPETITION: str(record.repetition)},
        ).info.run_id
        self._log(run_id, entry, end)
        for path, folder in entry.files:
            self._log_artifact(run_id, path, folder)
        self._log_tables(run_id)
        self.client.set_terminated(run_id, end_time=end)
        self.client.set_tag(run_id, DIGEST, entry.digest)

    def _log(self, run_id: str, entry: Entry, end: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(k, v) for k, v in entry.params().items()]
        tags = [RunTag(k, v) for k, v in entry.tags().items()]
        metrics = [Metric(k, v, end, 0) for k, v in entry.metrics().items()]
        metrics += [Metric(k, v, end, step) for k, v, step in entry.curves()]
        for start in range(0, max(len(params), len(tags), len(metrics)), _BATCH):
            part = slice(start, start + _BATCH)
            self.client.log_batch(run_id, metrics[part], params[part], tags[part])
        self._log_dataset(run_id, entry.record)

    def _log_dataset(self, run_id: str, record: RunRecord | ResultRecord) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        manifest = record.provenance.manifest_sha256
        if manifest is None:
            return
        # MLflow limits a digest to 36 characters; the whole one is among the tags.
        source = json.dumps({"manifest_sha256": manifest})
        dataset = Dataset(record.dataset, manifest[:36], "dmtbench", source)
        context = [InputTag("mlflow.data.context", "training" if record.kind == "run" else "test")]
        self.client.log_inputs(run_id, [DatasetInput(dataset, context)])

    def _log_artifact(self, run_id: str, path: Path, folder: str) -> None:
        if self.database is None:
            self.client.log_artifact(run_id, str(path), folder)
            return
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        # The client would resolve a relative location against this process's working directory.
        uri = absolute(self.client.get_run(run_id).info.artifact_uri, self.database)
        artifacts: Any = get_artifact_repository(uri)
        artifacts.log_artifact(str(path), folder)

    def _log_tables(self, run_id: str) -> None:
        for path in self.tables:
            self._log_artifact(run_id, path, "tables")
        self.client.set_tag(run_id, _TABLES, self.tables_digest)

    def _refresh(self, run: Any) -> None:
        """Bring the tables up to date, and a run back whose records have been restored."""
        if run.data.tags.get(_TABLES) != self.tables_digest:
            self._log_tables(run.info.run_id)
        if SUPERSEDED in run.data.tags:
            self.client.delete_tag(run.info.run_id, SUPERSEDED)

    def _supersede(self, entries: Sequence[Entry], complete: Sequence[Any]) -> int:
        current = {entry.digest for entry in entries}
        names = {entry.name for entry in entries}
        replaced = [
            run
            for run in complete
            if run.info.run_name in names
            and run.data.tags[DIGEST] not in current
            and SUPERSEDED not in run.data.tags
        ]
        for run in replaced:
            self.client.set_tag(run.info.run_id, SUPERSEDED, "true")
        return len(replaced)


def _database(uri: str) -> Path | None:
    """The file of a SQLite store; `None` for a server or another database."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def _milliseconds(created: str) -> int:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        moment = datetime.now(UTC)
    return int(1000 * moment.timestamp())


@contextmanager
def _opened(uri: str) -> Iterator[MlflowClient]:
    """A client on a store whose schema exists, with this process its only ingester."""
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme == "file":
        raise ConfigError(f"{uri}: MLflow stores need a database; use sqlite:///mlflow.db")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    try:
        database = _database(uri)
        if database is None:
            yield MlflowClient(tracking_uri=uri)
            return
        database.parent.mkdir(parents=True, exist_ok=True)
        with wait_for(database.with_name(f".{database.name}.lock")):
            # A file with half a schema cannot be repaired: create it elsewhere, then rename it.
            if not database.exists():
                with atomic_file(database) as temporary:
                    MlflowClient(tracking_uri=f"{SQLITE}{temporary}")
            yield MlflowClient(tracking_uri=uri)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{uri}: MLflow cannot use this store ({reason}); upgrade it with "
            f"`mlflow db upgrade {uri}`, or delete it and ingest again"
        ) from error


def _experiment(client: MlflowClient, name: str, artifact_root: Path) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        location = (artifact_root / name).resolve().as_uri()
        return str(client.create_experiment(name, artifact_location=location))
    if known.lifecycle_stage != "active":
        raise DataError(
            f"MLflow experiment {name!r} was deleted; bring it back with "
            f"`mlflow experiments restore --experiment-id {known.experiment_id}`"
        )
    return str(known.experiment_id)
