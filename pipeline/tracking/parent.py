"""The run above all others of an experiment, and what MLflow shows of the experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tracking.artifacts import add_artifact
from pipeline.tracking.entries import digest_files
from pipeline.tracking.names import COLLECTS, EXPERIMENT, KIND, METHOD, NOTE, PARENT, TABLES
from pipeline.tracking.note import note
from pipeline.tracking.search import found_runs
from pipeline.tracking.views import views

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_TRAINING = "custom_model_development"
"""What MLflow calls the training of models. Its own pages take their mode from the address."""


class Parent:
    """The run that collects those of an experiment; it holds the tables.

    Args:
        client: of the store.
        experiment: number of the MLflow experiment.
        name: of the experiment whose runs it collects.
        database: file of a SQLite store; `None` for a server or another database.
    """

    def __init__(
        self, client: MlflowClient, experiment: str, name: str, database: Path | None
    ) -> None:
        self.client = client
        self.experiment = experiment
        self.name = name
        self.database = database
        self.run = ""

    def make(self, tables: Sequence[Path]) -> None:
        """Find the run or create it, and bring its tables up to date."""
        self.run, tags = self._earliest()
        if not self.run:
            own = self.client.create_run(
                self.experiment, run_name=self.name, tags={COLLECTS: self.name}
            ).info.run_id
            self.client.set_terminated(own)
            # Writers to a server may each create one. Nobody removes that of another, who uses it.
            self.run, tags = self._earliest()
            if self.run != own:
                self.client.delete_run(own)
        digest = digest_files([(path, path.name) for path in tables])
        if tags.get(TABLES) != digest:
            for path in tables:
                add_artifact(self.client, self.database, self.run, path, "tables")
            self.client.set_tag(self.run, TABLES, digest)

    def _earliest(self) -> tuple[str, Mapping[str, str]]:
        """The run that all writers agree on, and its tags; an empty name if there is none."""
        found = self._found(f"tags.`{COLLECTS}` = '{self.name}'")
        if not found:
            return "", {}
        first = min(found, key=lambda run: (run.info.start_time, run.info.run_id))
        return first.info.run_id, first.data.tags

    def children(self) -> list[Any]:
        """All runs of methods in the MLflow experiment, complete or not."""
        return self._found(f"tags.`{METHOD}` != ''")

    def adopt(self, run: str, tags: Mapping[str, str]) -> None:
        """Make a run one of this experiment's; `tags`: those that it has."""
        for name, value in {PARENT: self.run, EXPERIMENT: self.name}.items():
            if tags.get(name) != value:
                self.client.set_tag(run, name, value)

    def describe(self, tables: Sequence[Path] | None) -> None:
        """Set the kind, the views and the description of the MLflow experiment.

        Args:
            tables: among which Table 1 is looked for; `None` to leave a description as it is.
        """
        current = self._found(f"tags.`{EXPERIMENT}` = '{self.name}'")
        made = views(self.name, current)
        before = self.client.get_experiment(self.experiment).tags
        table = next((path for path in tables or () if path.name == "table1.md"), None)
        wanted = {KIND: _TRAINING, **{view.tag: view.state for view in made}}
        if tables is not None or NOTE not in before:
            wanted[NOTE] = note(self.name, self.experiment, made, table)
        for name, value in wanted.items():
            if before.get(name) != value:
                self.client.set_experiment_tag(self.experiment, name, value)

    def _found(self, wanted: str) -> list[Any]:
        return found_runs(self.client, self.experiment, wanted)
