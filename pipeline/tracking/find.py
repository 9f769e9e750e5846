"""The page of a run in MLflow, found without starting MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.errors import DataError
from pipeline.places import Places
from pipeline.tracking.entries import read_entries
from pipeline.tracking.names import DIGEST
from pipeline.tracking.pages import run_page_of
from pipeline.tracking.store import SQLITE, is_server, need_server

_QUERY = """
    SELECT runs.experiment_id, runs.run_uuid FROM runs JOIN tags USING (run_uuid)
    WHERE tags.key = ? AND tags.value = ? AND runs.lifecycle_stage = 'active'
"""


def run_page(places: Places, folder: str, uri: str, port: int) -> str:
    """The address of a run's page in `dmtbench ui` on this machine, or at a tracking server.

    Args:
        places: of the experiment.
        folder: name of the folders of run and result.
        uri: of a SQLite store, or of a tracking server.
        port: of `dmtbench ui`; not used for a server.

    Raises:
        DataError: these files have not been imported, or the store cannot be read.
        RecordError: a record cannot be read.
    """
    if is_server(uri):
        return _at_server(places, folder, uri)
    database = Path(uri.removeprefix(SQLITE))
    if not uri.startswith(SQLITE) or not database.is_file():
        raise DataError(f"{uri}: no SQLite store there; import the results with `dmtbench track`")
    (entry,) = read_entries(places.runs, places.results, {folder})
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as store:
            found = store.execute(_QUERY, (DIGEST, entry.digest)).fetchone()
    except sqlite3.Error as error:
        raise DataError(f"{uri}: cannot be read ({error}); import again elsewhere") from error
    if found is None:
        raise _absent(uri, folder)
    experiment, run = found
    return f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs/{run}"


def _at_server(places: Places, folder: str, uri: str) -> str:
    need_server(uri)
    (entry,) = read_entries(places.runs, places.results, {folder})
    page = run_page_of(uri, entry.digest)
    if page is None:
        raise _absent(uri, folder)
    return page


def _absent(uri: str, folder: str) -> DataError:
    return DataError(f"{uri}: does not have {folder} as it is; import it with `dmtbench track`")
