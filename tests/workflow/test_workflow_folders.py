"""Folders that the workflow cannot write to: one line before anything starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY, TINY
from support.permissions import bound, permissions_bind, read_only

from pipeline.errors import ConfigError, DataError
from pipeline.workflow import folders
from pipeline.workflow.folders import check_folders
from pipeline.workflow.jobs import Job, planned_jobs

# The rule, what it makes, and a folder that it writes to.
WRITTEN = [
    ("data", "data/tiny/manifest.csv", "data"),
    ("store", "data/tiny/store/index.json", "data/tiny"),
    ("train", "runs/tiny/dmtnet-b-seed0/record.json", "runs/tiny/dmtnet-b-seed0"),
    ("train", "runs/tiny/dmtnet-b-seed0/record.json", "state/tiny"),
    ("evaluate", "results/tiny/input-seed0/record.json", "results"),
    ("table1", "reports/table1.csv", "reports"),
    ("track", "results/tiny/tracking.json", "mlartifacts"),
    ("track", "results/tiny/tracking.json", "."),
]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, in which no job has to run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folders, "planned_jobs", lambda *_: [])
    return tmp_path


def job(rule: str, output: str) -> Job:
    return Job(rule, {}, "", [], [output], 1, 0, 0, 0)


@pytest.mark.parametrize("name", [".snakemake", ".snakemake/metadata", "logs", "logs/tiny"])
def test_folders_that_every_run_needs(project: Path, name: str) -> None:
    with (
        read_only(project / name),
        permissions_bind(),
        pytest.raises(DataError, match=f"^{name}: cannot be written"),
    ):
        check_folders(TINY, [])


@pytest.mark.parametrize("name", [".snakemake", "logs"])
def test_a_file_in_the_place_of_a_folder(project: Path, name: str) -> None:
    (project / name).write_text("")
    with pytest.raises(DataError, match=f"^{name}: cannot be written .*a file is in the way"):
        check_folders(TINY, [])


@pytest.mark.parametrize(("rule", "output", "closed"), WRITTEN)
def test_folders_that_a_job_writes_to(
    project: Path, monkeypatch: pytest.MonkeyPatch, rule: str, output: str, closed: str
) -> None:
    for name in (".snakemake", "logs", closed):
        (project / name).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(folders, "planned_jobs", lambda *_: [job(rule, output)])
    check_folders(TINY, [])
    with (
        read_only(project / closed),
        permissions_bind(),
        pytest.raises(DataError, match="cannot be written"),
    ):
        check_folders(TINY, [])


def test_a_folder_in_which_nothing_has_to_be_made_may_be_read_only(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "planned_jobs", lambda *_: [job("table1", "reports/table1.csv")])
    for name in (".snakemake", "logs", "reports"):
        (project / name).mkdir()
    with read_only(project / "data" / "tiny", project / "runs", project), permissions_bind():
        check_folders(TINY, [])


def test_jobs_are_only_planned_if_something_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "planned_jobs", lambda *_: pytest.fail("planned"))
    check_folders(TINY, [])


def command(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    arguments = bound([sys.executable, "-m", "pipeline", *words, "--config", str(TINY)])
    return subprocess.run(
        arguments, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_planning_in_a_read_only_folder(project: Path) -> None:
    # Without the state's subfolders, which Snakemake makes even for a dry run.
    with read_only(project / ".snakemake", project / "logs", project):
        done = command("plan", "data/tiny/manifest.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 jobs would run" in done.stdout
    assert not list((project / ".snakemake").iterdir())


def test_running_in_a_read_only_folder(project: Path) -> None:
    with read_only(project):
        done = command("run", "data/tiny/manifest.csv")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: .snakemake: cannot be written (read-only, or a file is in the way); "
        "change its permissions or choose another folder"
    ]


def test_what_is_there_and_cannot_be_replaced(project: Path) -> None:
    folder = project / "data" / "tiny"
    folder.mkdir(parents=True)
    (folder / "manifest.record.json").write_text("")
    (folder / "manifest.record.json").chmod(0o444)
    with read_only(folder):
        planned = command("plan", "data/tiny/manifest.csv")
        done = command("run", "data/tiny/manifest.csv")
    assert "1 jobs would run" in planned.stdout, planned.stderr
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "error: data/tiny: cannot be written (read-only, or a file is in the way); "
            "change its permissions or choose another folder"
        ],
    )


def test_of_a_traceback_only_the_last_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    report = "Traceback (most recent call last):\n  File x, line 1\nPermissionError: no: '/x'\n"
    answer = json.dumps({"jobs": [], "errors": [report]})
    done = subprocess.CompletedProcess([], 1, answer, "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(ConfigError, match=r"cannot be planned \(PermissionError: no: '/x'\)"):
        planned_jobs(TINY, [])


def test_no_space_for_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_NOTES_BYTES", 10**18)
    with pytest.raises(DataError, match=r": needs 1\.0 EB and has .* free; free some space"):
        check_folders(TINY, [])


def test_a_disk_that_is_almost_full_is_named_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "data").mkdir()
    (project / "logs").mkdir()
    monkeypatch.setattr(folders, "_LITTLE_BYTES", 0)
    assert folders.short_of_space() == []
    monkeypatch.setattr(folders, "_LITTLE_BYTES", 10**18)
    (line,) = folders.short_of_space()
    assert line.startswith(f"{project}: its disk is almost full (")
    assert line.endswith(" left); free some space and run the command again")
