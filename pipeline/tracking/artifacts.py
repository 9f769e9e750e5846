"""Where MLflow keeps artifacts: below the project, wherever it is copied or moved.

MLflow makes the location of an experiment absolute when it creates it, and has no call to change
it: a copied project would write its artifacts into the original's folder. It does accept a relative
location in its database, and resolves it against the working directory. This module writes one
there.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pipeline.files import link_or_copy

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

LINKED = frozenset({"weights", "images"})
"""Folders of artifacts whose files are large, and replaced as a whole by whatever makes them."""


def location_of(folder: Path, database: Path) -> str:
    """The location of an experiment's artifacts as MLflow stores it.

    Args:
        folder: of the artifacts.
        database: MLflow's file.

    Returns:
        A path relative to the database's folder, in which `mlflow ui` is started; the absolute
        address of a folder that does not lie below it.
    """
    folder, project = folder.resolve(), database.resolve().parent
    if folder.is_relative_to(project):
        return folder.relative_to(project).as_posix()
    return folder.as_uri()


def relocate(database: Path, experiment: str, folder: Path) -> None:
    """Make MLflow keep the artifacts of an experiment in `folder`, for its new runs.

    Earlier runs follow if their artifacts lie there, copied or moved with the project.

    Raises:
        sqlite3.Error: the database cannot be written or is not MLflow's.
    """
    location = location_of(folder, database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ?"
            " WHERE experiment_id = ? AND artifact_location != ?",
            (location, experiment, location),
        )
        runs = connection.execute(
            "SELECT run_uuid, artifact_uri FROM runs WHERE experiment_id = ?", (experiment,)
        ).fetchall()
        moved = [
            (address, run)
            for run, before in runs
            if before != (address := f"{location}/{run}/artifacts") and (folder / run).is_dir()
        ]
        connection.executemany("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", moved)


def absolute(artifact_uri: str, database: Path) -> str:
    """A run's `artifact_uri` from any working directory.

    >>> absolute("mlartifacts/demo/1/artifacts", Path("/project/mlflow.db"))
    'file:///project/mlartifacts/demo/1/artifacts'
    >>> absolute("s3://bucket/1/artifacts", Path("/project/mlflow.db"))
    's3://bucket/1/artifacts'
    """
    if ":/" in artifact_uri or artifact_uri.startswith("/"):
        return artifact_uri
    return (database.resolve().parent / artifact_uri).as_uri()


def add_artifact(
    client: MlflowClient, database: Path | None, run: str, path: Path, folder: str
) -> None:
    """Give a run an artifact: a hard link to a large file in a local store, otherwise a copy.

    Args:
        client: of the store.
        database: file of a SQLite store; `None` for a server or another database.
        run: identifier of the run.
        path: the file.
        folder: where it goes among the artifacts of the run.
    """
    root = _local_root(client, database, run)
    if root is None:
        client.log_artifact(run, str(path), folder)
        return
    target = root / folder / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if folder in LINKED:
        link_or_copy(path, target)
    else:
        shutil.copyfile(path, target)


def artifact_paths(client: MlflowClient, database: Path | None, run: str) -> list[str]:
    """Paths of the artifacts of a run, below its root, sorted; arguments as in `add_artifact`."""
    root = _local_root(client, database, run)
    if root is None:
        return sorted(_listed(client, run, None))
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _local_root(client: MlflowClient, database: Path | None, run: str) -> Path | None:
    """Folder of the artifacts of a run; `None` if MLflow alone can reach them."""
    if database is None:
        return None
    # The client would resolve a relative location against this process's working directory.
    address = urlsplit(absolute(client.get_run(run).info.artifact_uri, database))
    return Path(url2pathname(address.path)) if address.scheme == "file" else None


def _listed(client: MlflowClient, run: str, folder: str | None) -> Iterator[str]:
    for item in client.list_artifacts(run, folder):
        if item.is_dir:
            yield from _listed(client, run, item.path)
        else:
            yield str(item.path)
