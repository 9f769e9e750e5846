"""Stores that MLflow writes to: a SQLite file of the project, another database or a server."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.errors import ConfigError, DataError
from pipeline.files import atomic_file
from pipeline.lease import wait_for
from pipeline.tracking.artifacts import relocate

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SQLITE = "sqlite:///"
"""Start of the address of a SQLite store."""

_PORTS = {"http": 80, "https": 443}
_ANSWER_S = 10.0
# What SQLite and the system say of a disk.
_OF_THE_DISK = ("disk is full", "readonly database", "unable to open database", "disk I/O error")


def database_of(uri: str) -> Path | None:
    """The file of a SQLite store; `None` for a server or another database.

    >>> database_of("sqlite:///mlflow.db").name
    'mlflow.db'
    >>> database_of("http://127.0.0.1:5000") is None
    True
    """
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def is_server(uri: str) -> bool:
    """Whether a store is a tracking server.

    >>> is_server("https://mlflow.example.org"), is_server("sqlite:///mlflow.db")
    (True, False)
    """
    return urlsplit(uri).scheme in _PORTS


def need_server(uri: str) -> None:
    """Check that something listens at the address of a server: MLflow would try for minutes.

    Raises:
        DataError: nothing does.
        ConfigError: it is no address.
    """
    try:
        parts = urlsplit(uri)
        place = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{uri}: not the address of a server; use http://HOST:PORT") from error
    try:
        socket.create_connection(place, timeout=_ANSWER_S).close()
    except (OSError, UnicodeError) as error:
        raise DataError(
            f"{uri}: no tracking server answers there ({error}); start it, or name another store"
        ) from error


class CollisionError(DataError):
    """Another writer to a tracking server was adding the same at the same moment."""


@contextmanager
def opened(uri: str) -> Iterator[MlflowClient]:
    """A client on a store whose schema exists; in a SQLite store, this process is the only writer.

    Raises:
        ConfigError: `uri` names a folder, which MLflow no longer supports.
        CollisionError: another writer to a server was faster; trying again helps.
        DataError: the store cannot be opened or written.
    """
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme == "file":
        raise ConfigError(f"{uri}: MLflow stores need a database; use {SQLITE}mlflow.db")
    if is_server(uri):
        need_server(uri)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    # It tells of new tables, and logs with a traceback what it raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        database = database_of(uri)
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
        kind = CollisionError if is_server(uri) and _collided(str(error)) else DataError
        raise kind(f"{uri}: {_reason(uri, error)}") from error


def _collided(message: str) -> bool:
    # MLflow's server looks for an experiment, tag or data set, then adds it, without a lock.
    return "IntegrityError" in message or "RESOURCE_ALREADY_EXISTS" in message


def _reason(uri: str, error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    if is_server(uri):
        return f"the tracking server refused ({first}); see its log, or use another store"
    if isinstance(error, OSError) or any(words in first for words in _OF_THE_DISK):
        return f"cannot be written ({first}); free some space or make it writable, then try again"
    return (
        f"MLflow cannot use this store ({first}); upgrade it with "
        f"`mlflow db upgrade {uri}`, or delete it and ingest again"
    )


def experiment_of(client: MlflowClient, name: str, uri: str, artifact_root: Path) -> str:
    """Number of the MLflow experiment of a data set; it is made if there is none.

    In a SQLite store, its artifacts lie below `artifact_root`; a server chooses their place.

    Raises:
        DataError: the experiment was deleted.
    """
    known = client.get_experiment_by_name(name)
    database = database_of(uri)
    if known is not None and known.lifecycle_stage != "active":
        raise DataError(
            f"MLflow experiment {name!r} was deleted; bring it back with "
            f"`mlflow experiments restore --experiment-id {known.experiment_id}`"
        )
    if known is not None:
        experiment = str(known.experiment_id)
    else:
        location = (artifact_root / name).resolve().as_uri()
        place = None if is_server(uri) else location
        experiment = str(client.create_experiment(name, artifact_location=place))
    if database is not None:
        relocate(database, experiment, artifact_root / name)
    return experiment
