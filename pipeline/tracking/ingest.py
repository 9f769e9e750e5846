"""Result records into MLflow: one reader of records, one writer, so training needs no tracker."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import RecordError
from pipeline.progress_bars import watched
from pipeline.records import ResultRecord, RunRecord
from pipeline.tracking.artifacts import add_artifact
from pipeline.tracking.entries import Entry, read_entries
from pipeline.tracking.names import DIGEST, EXPERIMENT, METHOD, PARENT, REPETITION, SUPERSEDED
from pipeline.tracking.parent import Parent
from pipeline.tracking.store import CollisionError, database_of, experiment_of, opened
from pipeline.tracking.write import log_dataset, log_numbers

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_ATTEMPTS = 20
_PAUSE_S = 2.0


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
    experiment: str | None = None,
) -> Summary:
    """Bring one data set's records into MLflow, as one experiment named after the data set.

    `runs` holds `<run>/{record.json, curve.csv, weights.safetensors}`, `results` holds
    `<run>/{record.json, per_image.csv, images/}`. Each (method, repetition) becomes one MLflow run
    with parameters, curves (step = epoch), final metrics (`test/combined_psnr` in dB and the like),
    tags from the records, the data manifest as input, and images, `per_image.csv`, records and
    weights as artifacts. `wanted` limits them to run folders of these names. They become children
    of one run that is named after `experiment` (by default the data set) and has `tables` as
    artifacts. Ingesting the same files again adds nothing; changed files make a new run, and the
    run they replace gets the tag `superseded`. In a SQLite store, the artifacts of a project that
    was copied or moved are found below the copy, and new ones are written there.

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
    attempts = 0
    while True:
        try:
            with opened(uri) as client:
                number = experiment_of(client, names[0], uri, artifact_root)
                parent = Parent(client, number, experiment or names[0], database_of(uri))
                parent.make(tables)
                summary = _Ingest(client, parent).all(entries)
                parent.describe(tables)
                return summary
        except CollisionError:
            # What is complete stays, and the rest is added again.
            attempts += 1
            if attempts == _ATTEMPTS:
                raise
            time.sleep(random.uniform(0, _PAUSE_S))


class _Ingest:
    """One pass over all entries of an experiment."""

    def __init__(self, client: MlflowClient, parent: Parent) -> None:
        self.client = client
        self.parent = parent

    def all(self, entries: Sequence[Entry]) -> Summary:
        """Remove leftovers, add what is new, mark what was replaced."""
        known = self.parent.children()
        names = {entry.name for entry in entries}
        complete: dict[str, Any] = {}
        unfinished = []
        for run in known:
            # Two that wrote to a server at the same time may both have added a run.
            whole = run.data.tags.get(DIGEST)
            if whole is not None and whole not in complete:
                complete[whole] = run
            elif run.info.run_name in names:
                unfinished.append(run)
            # Any other may be one that another writer is about to finish.
        for run in unfinished:
            self.client.delete_run(run.info.run_id)
        new = [entry for entry in entries if entry.digest not in complete]
        shown = bool(new) and sys.stderr.isatty()
        for entry in watched(new, len(new), "Ingesting runs", shown):
            self._add(entry)
        for entry in entries:
            if entry.digest in complete:
                self._refresh(complete[entry.digest])
        replaced = self._supersede(entries, list(complete.values()))
        return Summary(len(new), len(entries) - len(new), replaced, len(unfinished))

    def _add(self, entry: Entry) -> None:
        """Write one run; the digest comes last, so that an interrupted one is recognized."""
        record = entry.record
        end = _milliseconds(record.provenance.created)
        run_id = self.client.create_run(
            self.parent.experiment,
            start_time=end - int(1000 * record.provenance.wall_s),
            run_name=entry.name,
            tags={METHOD: record.method, REPETITION: str(record.repetition)},
        ).info.run_id
        self._log(run_id, entry, end)
        for path, folder in entry.files:
            add_artifact(self.client, self.parent.database, run_id, path, folder)
        self.client.set_terminated(run_id, end_time=end)
        self.parent.adopt(run_id, {})
        self.client.set_tag(run_id, DIGEST, entry.digest)

    def _log(self, run_id: str, entry: Entry, end: int) -> None:
        points = [(name, value, end, 0) for name, value in entry.metrics().items()]
        points += [(name, value, end, step) for name, value, step in entry.curves()]
        log_numbers(self.client, run_id, points, entry.params(), entry.tags())
        self._log_dataset(run_id, entry.record)

    def _log_dataset(self, run_id: str, record: RunRecord | ResultRecord) -> None:
        manifest = record.provenance.manifest_sha256
        if manifest is None:
            return
        # MLflow limits a digest to 36 characters; the whole one is among the tags.
        source = json.dumps({"manifest_sha256": manifest})
        context = "training" if record.kind == "run" else "test"
        log_dataset(self.client, run_id, record.dataset, manifest[:36], source, context)

    def _refresh(self, run: Any) -> None:
        """Bring back a run whose records have been restored, below the parent of today."""
        self.parent.adopt(run.info.run_id, run.data.tags)
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
            for tag in {EXPERIMENT, PARENT} & set(run.data.tags):
                self.client.delete_tag(run.info.run_id, tag)
        return len(replaced)


def _milliseconds(created: str) -> int:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        moment = datetime.now(UTC)
    return int(1000 * moment.timestamp())
