"""The kill drill knows every job of the workflow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.paths import REPOSITORY

from benchmarks.kill_project import CONFIG, Project
from benchmarks.kill_targets import JOBS
from pipeline.workflow.jobs import planned_jobs


def test_no_rule_is_forgotten() -> None:
    files = (REPOSITORY / "pipeline" / "rules").glob("*.smk")
    rules = [
        name
        for file in [REPOSITORY / "Snakefile", *files]
        for name, body in re.findall(
            r"^ *rule (\w+):(.*?)(?=^ *rule |\Z)", file.read_text(), re.MULTILINE | re.DOTALL
        )
        if "shell:" in body
    ]
    assert "ablation" in rules
    assert sorted(rules) == sorted(JOBS)


def test_the_project_has_work_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path / "project", 1)
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("PYTHONPATH", str(project.folder))
    assert {job.rule for job in planned_jobs(Path(CONFIG), [])} == {*JOBS}
