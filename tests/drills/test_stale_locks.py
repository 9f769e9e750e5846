"""Locks of workflows that are dead: the same command completes, or prints the one step before.

Needs nothing. Takes twenty minutes, half of them waiting: an owner on another machine counts as
dead after two minutes without a sign of life, for each lock.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults import abandon, finished, require_kept
from support.workflow_processes import running

from benchmarks.kill_project import CONFIG, Project
from benchmarks.kill_targets import wait_for
from pipeline.claims import this_machine
from pipeline.workflow.owner import LEASE, LOCKS, NOTE, Owner

pytestmark = [pytest.mark.drill, pytest.mark.slow]

RUN = ("pipeline", "run", "--config", CONFIG, "--cores", "2")
SNAKEMAKE = ("snakemake", "--cores", "2", "--configfile", CONFIG)
LOST = (
    "runs/tiny/dmtnet-b-seed1",
    "results/tiny/dmtnet-b-seed1",
    "reports/table1.*",
    "data/tiny/store",
)
LEASES = (
    LEASE,
    Path(".snakemake/dmtbench.lock"),
    Path("data/tiny/.store.lock"),
    Path("state/tiny/dmtnet-b-seed1/lock"),
    Path(".mlflow.db.lock"),
)


@pytest.fixture
def project(calm: Project, tmp_path: Path) -> Project:
    """A project of which the store, a training and what follows are still to be made."""
    copied = calm.copy(tmp_path / "project")
    copied.delete(*LOST)
    return copied


def kill(project: Project, program: tuple[str, ...]) -> None:
    """Start a workflow and kill all of it while a training runs."""
    run = project.start(*program)
    assert wait_for(run, "train", random.Random(0)) is not None, project.log
    os.killpg(run.pid, signal.SIGKILL)
    project.wait(run)
    assert any((project.folder / LOCKS).iterdir())
    assert any((project.folder / ".snakemake" / "incomplete").iterdir())


@pytest.mark.parametrize("killed", [RUN, SNAKEMAKE], ids=["run", "snakemake"])
def test_a_run_after_a_kill(calm: Project, project: Project, killed: tuple[str, ...]) -> None:
    kill(project, killed)
    before = finished(project)
    assert project.wait(project.start(*RUN)) == 0, project.log
    assert "A killed workflow left its lock; removing it" in project.log
    require_kept(project, before)
    project.compare(calm.made())


@pytest.mark.parametrize("killed", [RUN, SNAKEMAKE], ids=["run", "snakemake"])
def test_snakemake_after_a_kill(calm: Project, project: Project, killed: tuple[str, ...]) -> None:
    kill(project, killed)
    before = finished(project)
    assert project.wait(project.start(*SNAKEMAKE)) == 1
    (step,) = {*re.findall(r"for snakemake type: (.*)$", project.log, re.MULTILINE)}
    program, *arguments = shlex.split(step)
    assert program == "snakemake"
    assert project.wait(project.start("snakemake", *arguments)) == 0, project.log
    assert project.wait(project.start(*SNAKEMAKE)) == 0, project.log
    require_kept(project, before)
    project.compare(calm.made())


@pytest.fixture(params=["another machine", "process number used again"])
def locked(request: pytest.FixtureRequest, project: Project) -> Iterator[Project]:
    """The project with every lock that there is, held by one that is dead."""
    with running(folder=project.folder) as other:
        elsewhere = request.param == "another machine"
        host = "node7" if elsewhere else os.uname().nodename
        for path in LEASES:
            abandon(
                project.folder / path,
                host=host,
                machine="elsewhere" if elsewhere else this_machine(),
                pid=other.pid,
            )
        locks = project.folder / LOCKS
        locks.mkdir(exist_ok=True)
        (locks / "0.output.lock").write_text("data/tiny/store/index.json\n")
        owner = Owner(host, other.pid, 0.0, str(project.folder))
        (project.folder / NOTE).write_text(owner.text())
        yield project


def test_locks_of_owners_that_are_gone(calm: Project, locked: Project) -> None:
    before = finished(locked)
    assert locked.start(*RUN).wait(1800) == 0, locked.log
    assert "A killed workflow left its lock; removing it" in locked.log
    require_kept(locked, before)
    locked.compare(calm.made())
