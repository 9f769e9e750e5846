"""What people publish names no user, no host and no absolute path: records, reports, MLflow."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
import yaml
from support.fixture_types import Run, Tiny
from support.paths import PUBLISHED

from pipeline.evaluation.metrics import lpips
from pipeline.weights.backbone import hub_folder

USER, HOST, PROJECT = "marker-anna", "marker-host", "marker-project"
# They say where files lie on this machine, which only the tracker itself needs.
LOCATIONS = {"artifact_uri", "artifact_location"}
MLFLOW = (
    "runs",
    "tags",
    "params",
    "metrics",
    "datasets",
    "input_tags",
    "inputs",
    "experiments",
    "experiment_tags",
)


@pytest.fixture
def project(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a home folder, both with telling names, on a telling host."""
    home = tmp_path / USER
    folder = home / PROJECT
    folder.mkdir(parents=True)
    shutil.copytree(tiny.raw, home / "set")
    for name in ("HOME", "USER", "LOGNAME", "HOSTNAME"):
        monkeypatch.setenv(name, {"HOME": str(home), "HOSTNAME": HOST}.get(name, USER))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(getpass, "getuser", lambda: USER)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr(platform, "node", lambda: HOST)
    uname = os.uname()
    named = os.uname_result((uname.sysname, HOST, uname.release, uname.version, uname.machine))
    monkeypatch.setattr(os, "uname", lambda: named)
    monkeypatch.chdir(folder)
    data = yaml.safe_load(tiny.config.read_text())
    data["dataset"] = {"kind": "folder", "name": "mine", "root": str(home / "set")}
    data["only"] = ["input", "unsharp", "dmtnet-t"]
    (home / "mine.yaml").write_text(yaml.safe_dump(data))
    lpips._loaded.cache_clear()
    assert hub_folder().is_relative_to(home)
    return folder


def texts(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that is not a database, and every name."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".db"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stored(database: Path) -> dict[str, bytes]:
    """Every cell of what MLflow knows of the runs, but for its own locations."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        return {
            f"{table}.{row.get('key')}.{column}": str(value).encode()
            for table in MLFLOW
            for row in map(dict[str, object], connection.execute(f"select * from {table}"))
            for column, value in row.items()
            if column not in LOCATIONS
        }


def test_no_user_host_or_absolute_path_is_written(run: Run, tiny: Tiny, project: Path) -> None:
    home = project.parent
    config = ["--config", home / "mine.yaml"]
    manifest = ["--manifest", project / "data" / "mine" / "manifest.csv"]
    root, results = ["--root", home / "set"], project / "results" / "mine"
    data = project / "data" / "mine"
    trained = ["--store", data / "store", "--patches", "data/mine/patches.csv"]
    commands: list[list[object]] = [
        ["doctor", *root, *config, "--report", results / "doctor.json"],
        ["data", *root, *manifest, *config],
        ["store", *root, *manifest, "--output", data / "store"],
        ["patches", *trained[:2], f"--output={data}/patches.csv", *config],
        ["train", "unsharp", *trained, *manifest, *config, "--output", "runs/mine/unsharp-seed0"],
        [
            *("evaluate", "unsharp", *root, *manifest, *config),
            *(f"--run={project}/runs/mine/unsharp-seed0", "--output", results / "unsharp-seed0"),
        ],
        [
            *("evaluate", "input", *root, *manifest, *config),
            *("--output", f"../{PROJECT}/results/mine/input-seed0"),
        ],
        ["train", "dmtnet-t", *trained, *manifest, *config, "--output", "runs/mine/dmtnet-t-seed0"],
        [
            *("evaluate", "dmtnet-t", *root, *manifest, *config),
            *("--run", "runs/mine/dmtnet-t-seed0", "--output", results / "dmtnet-t-seed0"),
        ],
        ["complexity", "dmtnet-t", "--size", 64, 64, "--cache", project / "complexity", *config],
    ]
    for command in commands:
        done = run(*command)
        assert done.code == 0 or command[0] == "doctor", done.err
    tracking = ["--uri", f"sqlite:///{project}/mlflow.db", "--artifacts", project / "artifacts"]
    shutil.copytree(PUBLISHED, "reports/published")
    reports = ("table1", "table2", "latex", "plot", "qualitative", "figures", "verdicts", "html")
    made = [[name] for name in reports]
    for command in (*made, ["track", *tracking]):
        # What another job is writing in the same folder.
        Path("reports/mine").mkdir(exist_ok=True)
        Path("reports/mine/.tmp-1.png").write_bytes(b"half")
        done = run(*command, *config)
        assert done.code == 0, done.err
    assert not list((project / "artifacts").rglob(".tmp-*"))
    found = {**texts(project), **stored(project / "mlflow.db")}
    assert len(found) > 100
    assert b"not computed: ~/.cache" in found["results/mine/input-seed0/record.json"]
    assert b'"root": ".../set"' in found["results/mine/input-seed0/record.json"]
    assert b"--store data/mine/store" in found["runs/mine/unsharp-seed0/record.json"]
    for marker in (USER, HOST, PROJECT, str(home), "/tmp/"):
        assert [name for name, text in found.items() if marker.encode() in text] == []
