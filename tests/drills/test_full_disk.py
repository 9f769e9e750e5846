"""A disk that fills up in the middle of the workflow: one clear error, and the command resumes.

Needs root, which may mount file systems; takes fifteen minutes on two cores.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.faults import disk, finished, require_kept, why_not

from benchmarks.kill_project import Project
from benchmarks.kill_targets import wait_for

pytestmark = [
    pytest.mark.drill,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

REPORTS = ("reports/*.*", "reports/tiny")
# What is deleted before the disk fills up during a job of this kind.
LOST = {
    "data": ("data", "runs", "results", *REPORTS),
    "store": (),
    "train": (),
    "evaluate_given": ("results/tiny/given-given",),
    "complexity": ("results/complexity/given.json",),
    "qualitative": ("reports/tiny/figure*",),
    "latex": ("reports/values.tex",),
    "track": ("reports/tiny/tracking.json",),
}


def test_the_disk_fills_up_again_and_again(calm: Project, tmp_path: Path) -> None:
    with disk(tmp_path / "project", 80) as small:
        project = calm.copy(small.folder)
        for kind, lost in LOST.items():
            project.delete(*lost)
            before, printed = finished(project), len(project.log)
            run = project.start()
            assert wait_for(run, kind, random.Random(0)) is not None, project.log[printed:]
            require_kept(project, before)
            before = finished(project)
            small.fill()
            status = project.wait(run)
            said = project.log[printed:]
            print(f"full during {kind}: status {status}", flush=True)
            assert status == 1, said
            assert "Traceback" not in said, said[-5000:]
            assert f"{small.folder}: its disk is almost full (" in said, said
            require_kept(project, before)
            small.grow()
        assert project.wait(project.start()) == 0, project.log
        require_kept(project, before)
        project.compare(calm.made())
