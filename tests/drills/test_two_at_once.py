"""Two workflows at once in one folder: the second is refused, and the first finishes.

Needs nothing; takes ten minutes on two cores.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.faults import finished, require_kept

from benchmarks.kill_project import CONFIG, Project
from benchmarks.kill_targets import wait_for

pytestmark = pytest.mark.drill

PROGRAMS = {
    "run": ("pipeline", "run", "--config", CONFIG, "--cores", "2"),
    "snakemake": ("snakemake", "--cores", "2", "--configfile", CONFIG),
}
LOST = ("runs/tiny/dmtnet-b-seed1", "results/tiny/dmtnet-b-seed1", "reports/table1.*")


@pytest.fixture
def project(calm: Project, tmp_path: Path) -> Project:
    """A project of which a training, its scores and a table are still to be made."""
    copied = calm.copy(tmp_path / "project")
    copied.delete(*LOST)
    return copied


@pytest.mark.slow
@pytest.mark.parametrize("second", PROGRAMS)
@pytest.mark.parametrize("first", PROGRAMS)
def test_the_second_is_refused(calm: Project, project: Project, first: str, second: str) -> None:
    before = finished(project)
    run = project.start(*PROGRAMS[first])
    assert wait_for(run, "train", random.Random(0)) is not None, project.log
    printed = len(project.log)
    refused = project.start(*PROGRAMS[second])
    assert refused.wait(300) == 1
    said = project.log[printed:]
    assert "Traceback" not in said
    if second == "run":
        worker = run.pid
        assert f"process {worker} on " in said, said
        assert "wait for it, or stop it first" in said, said
    else:
        assert "Directory cannot be locked" in said, said
        assert "--unlock" in said, said
    assert run.wait(900) == 0, project.log
    require_kept(project, before)
    project.compare(calm.made())
    again = project.start(*PROGRAMS[second])
    assert project.wait(again) == 0
    project.compare(calm.made())


def test_of_two_that_start_together_one_works(calm: Project, project: Project) -> None:
    before = finished(project)
    runs = [project.start() for _ in range(2)]
    assert sorted(run.wait(900) for run in runs) == [0, 1], project.log
    assert "wait for it, or stop it first" in project.log
    assert "Traceback" not in project.log
    require_kept(project, before)
    project.compare(calm.made())
