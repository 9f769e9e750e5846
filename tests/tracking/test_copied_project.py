"""A project that was copied or moved keeps MLflow's artifacts below its own folder."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.factories import control

from pipeline.records import ResultRecord, write_record
from pipeline.tracking.artifacts import location_of
from pipeline.tracking.ingest import Summary, ingest
from pipeline.tracking.names import METHOD


def add(project: Path, record: ResultRecord) -> None:
    folder = project / "results" / record.method
    write_record(folder / "record.json", record)
    (folder / "per_image.csv").write_text("image,psnr\na,20\n", encoding="utf-8")


def ingested(project: Path) -> Summary:
    uri = f"sqlite:///{project / 'mlflow.db'}"
    table = project / "table1.csv"
    table.write_text("method\n", encoding="utf-8")
    return ingest(project / "runs", project / "results", [table], uri, project / "mlartifacts")


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def readable(project: Path, patch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Local file of every run's record, through a client that is started in the project."""
    from mlflow.tracking import MlflowClient

    patch.chdir(project)
    # MLflow remembers the folders of a store that it has used in this process, by its address.
    client = MlflowClient(tracking_uri=f"sqlite:///{project / 'mlflow.db'}")
    experiment: Any = client.get_experiment_by_name("demo")
    found = {}
    for run in client.search_runs([experiment.experiment_id], f"tags.`{METHOD}` != ''"):
        listed = client.list_artifacts(run.info.run_id, "evaluation")
        assert sorted(item.path for item in listed) == [
            "evaluation/per_image.csv",
            "evaluation/record.json",
        ]
        assert not Path(run.info.artifact_uri).is_absolute()
        found[str(run.info.run_name)] = Path(run.info.artifact_uri).resolve()
    return found


def use_absolute_locations(project: Path) -> None:
    """As MLflow itself stores them."""
    with closing(sqlite3.connect(project / "mlflow.db")) as database, database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(
                f"UPDATE {table} SET {column} = ? || {column} WHERE {column} LIKE 'mlartifacts%'",
                (f"{project.as_uri()}/",),
            )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one ingested run."""
    project = tmp_path_factory.mktemp("first") / "project"
    add(project, control("input", "Input", 20.0, dataset="demo"))
    assert ingested(project) == Summary(added=1, unchanged=0, superseded=0, removed=0)
    return project


@pytest.fixture
def original(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "original"))


def test_nothing_is_written_outside_a_copy(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(original)
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    assert set(readable(copy, monkeypatch)) == {"input-seed0"}
    add(copy, control("mean", "Mean", 21.0, dataset="demo"))
    monkeypatch.chdir(tmp_path)
    assert ingested(copy) == Summary(added=1, unchanged=1, superseded=0, removed=0)
    assert content(original) == before
    found = readable(copy, monkeypatch)
    assert set(found) == {"input-seed0", "mean-seed0"}
    assert all(path.is_relative_to(copy / "mlartifacts" / "demo") for path in found.values())
    # Nothing appears in the working directory of the ingest either.
    assert {path.name for path in tmp_path.iterdir()} == {"original", "copy"}


def test_a_moved_project_is_readable_at_once(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = original.rename(tmp_path / "moved")
    (path,) = readable(moved, monkeypatch).values()
    assert path.is_relative_to(moved)


def test_absolute_locations_of_an_older_database_are_corrected(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_absolute_locations(original)
    before = content(original)
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    add(copy, control("mean", "Mean", 21.0, dataset="demo"))
    assert ingested(copy).added == 1
    assert content(original) == before
    found = readable(copy, monkeypatch)
    assert len(found) == 2
    assert all(path.is_relative_to(copy) for path in found.values())


def test_runs_whose_artifacts_lie_elsewhere_keep_their_address(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_absolute_locations(original)
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    shutil.rmtree(copy / "mlartifacts")
    add(copy, control("mean", "Mean", 21.0, dataset="demo"))
    (copy / "results" / "input" / "record.json").unlink()
    assert ingested(copy).added == 1
    with closing(sqlite3.connect(copy / "mlflow.db")) as database:
        addresses = [row[0] for row in database.execute("SELECT artifact_uri FROM runs")]
    # The parent, the run of the original, and the one of the copy.
    assert [address.startswith(original.as_uri()) for address in addresses] == [True, True, False]


def test_a_folder_elsewhere_is_absolute(tmp_path: Path) -> None:
    database = tmp_path / "project" / "mlflow.db"
    assert location_of(tmp_path / "project" / "a" / "b", database) == "a/b"
    assert location_of(tmp_path / "disk", database) == (tmp_path / "disk").as_uri()


_SERVE = """
from mlflow.server import app
from mlflow.tracking import MlflowClient
client = MlflowClient("sqlite:///mlflow.db")
experiment = client.get_experiment_by_name("demo").experiment_id
parents = client.search_runs([experiment], "tags.`dmtbench.collects` != ''")
(run,) = [run.info.run_id for run in parents]
browser = app.test_client()
listed = browser.get(f"/ajax-api/2.0/mlflow/artifacts/list?run_id={run}&path=tables")
print([item["path"] for item in listed.json["files"]])
print(browser.get(f"/get-artifact?run_uuid={run}&path=tables/table1.csv").data)
"""


@pytest.mark.slow
def test_the_server_finds_artifacts_of_a_copy(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = original.rename(tmp_path / "moved")
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "./mlruns")
    command = [sys.executable, "-c", _SERVE]
    done = subprocess.run(command, cwd=moved, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["['tables/table1.csv']", r"b'method\n'"], done.stderr
