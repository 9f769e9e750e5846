"""Data on a file system that is mounted read-only: what only reads them works.

Needs root, which may mount file systems; takes five minutes on two cores.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults import finished, mounted_read_only, require_kept, why_not

from benchmarks.kill_project import Project

pytestmark = [
    pytest.mark.drill,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

MADE = ("runs/tiny/dmtnet-b-seed1", "results/tiny/dmtnet-b-seed1", "results/tiny/*-given")
REPORTS = ("reports/*.*", "reports/tiny")


@pytest.mark.parametrize("name", ["data/tiny/store", "data"])
def test_trainings_evaluations_and_reports_only_read(
    calm: Project, tmp_path: Path, name: str
) -> None:
    project = calm.copy(tmp_path / "project")
    project.delete(*MADE, *REPORTS)
    before = finished(project)
    with mounted_read_only(project.folder / name):
        assert project.wait(project.start()) == 0, project.log
    require_kept(project, before)
    project.compare(calm.made())


def test_what_must_write_there_names_the_folder(calm: Project, tmp_path: Path) -> None:
    project = calm.copy(tmp_path / "project")
    project.delete("data/tiny/patches.csv", *MADE)
    before = finished(project)
    with mounted_read_only(project.folder / "data"):
        assert project.wait(project.start()) == 1
        assert project.log == (
            "error: data/tiny: cannot be written (read-only, or a file is in the way); change its "
            "permissions or choose another folder\n"
        )
        require_kept(project, before)
    assert project.wait(project.start()) == 0, project.log
    require_kept(project, before)
    project.compare(calm.made())
