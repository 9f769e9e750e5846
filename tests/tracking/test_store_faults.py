"""A database that cannot be used, or a disk that cannot be written: one line, with the remedy."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.tracking.store import opened


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_a_full_disk_costs_no_history(tmp_path: Path, error: Exception) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with pytest.raises(DataError) as caught, opened(uri):
        raise error
    assert str(caught.value) == (
        f"{uri}: cannot be written ({error}); free some space or make it writable, then try again"
    )


def test_mlflow_adds_no_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "mlflow.db"
    uri = f"sqlite:///{database}"
    with opened(uri):
        pass
    with closing(sqlite3.connect(database)) as own:
        own.execute("DROP TABLE experiments")
    with pytest.raises(DataError, match=r"no such table.*mlflow db upgrade"), opened(uri) as client:
        client.create_experiment("lost")
    assert "Traceback" not in capfd.readouterr().err
