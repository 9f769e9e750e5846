"""Where MLflow keeps artifacts: below the project, wherever it is copied or moved.

MLflow makes the location of an experiment absolute when it creates it, and has no call to change
it: a copied project would write its artifacts into the original's folder. It does accept a relative
location in its database, and resolves it against the working directory. This module writes one
there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


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
