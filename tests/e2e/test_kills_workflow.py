"""`dmtbench run` after kills: it resumes by itself, to the same bytes, and leaves nobody behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY

from benchmarks.kill_project import CONFIG, Project
from benchmarks.kill_targets import wait_for
from pipeline.workflow.owner import LOCKS

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", 2)


def reach(project: Project, kind: str) -> subprocess.Popen[bytes]:
    """A run of which a process of this kind has started."""
    run = project.start()
    assert wait_for(run, kind, random.Random(0)) is not None, project.log
    return run


def snakemake(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", CONFIG]
    environment = {**os.environ, "PYTHONPATH": str(project.folder)}
    return subprocess.run(
        command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_dead_lock_is_removed_and_plain_snakemake_names_the_command(project: Project) -> None:
    run = reach(project, "data")
    os.killpg(run.pid, signal.SIGKILL)
    project.wait(run)
    locks = project.folder / LOCKS
    assert list(locks.iterdir())
    plain = snakemake(project, "--cores", "1", "data/tiny/manifest.csv")
    assert plain.returncode != 0
    assert "type: snakemake --unlock --configfile tiny.yaml" in plain.stdout + plain.stderr
    run = reach(project, "store")
    assert "A killed workflow left its lock; removing it" in project.log
    run.send_signal(signal.SIGTERM)
    assert project.wait(run) == 128 + signal.SIGTERM
    # It ended in order.
    assert not locks.exists()
    # The command that was named works where it is needed.
    run = reach(project, "patches")
    os.killpg(run.pid, signal.SIGKILL)
    project.wait(run)
    assert snakemake(project, "--unlock").returncode == 0
    assert not locks.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_run_stops_all_of_it(project: Project, number: signal.Signals) -> None:
    run = reach(project, "train")
    run.send_signal(number)
    # Fails if any process is left.
    assert project.wait(run) == 128 + number
    assert f"{number.name}: stopping Snakemake and its jobs" in project.log
    assert not (project.folder / LOCKS).exists()


def test_a_second_run_is_refused_and_the_first_goes_on(project: Project) -> None:
    run = reach(project, "data")
    second = project.start()
    assert second.wait(300) == 1
    assert f"process {run.pid} on " in project.log
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    project.wait(run)


def test_short_drill() -> None:
    command = [sys.executable, "-m", "benchmarks.kill_workflow", "--signals", "4", "--seed", "1"]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 signals" in done.stdout
