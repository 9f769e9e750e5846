"""Workflows on GitHub: pinned actions, few permissions, and targets that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import REPOSITORY

FILES = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
WRITERS = {"comment", "release"}
"""Jobs that may write; they check out nothing."""


def workflow(path: Path) -> dict[str, Any]:
    # BaseLoader: YAML 1.1 reads the key `on` as true.
    loaded: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)
    return loaded


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text())
    assert len(uses) == sum("uses" in step for step in steps(path)) > 0
    for use in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v[0-9.]+", use)


def test_an_action_has_one_version() -> None:
    uses = {use for path in FILES for use in re.findall(r"uses: (.+)", path.read_text())}
    assert len(uses) == len({use.partition("@")[0] for use in uses})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_jobs_without_foreign_code_may_write(path: Path) -> None:
    found = workflow(path)
    assert found["permissions"] == {"contents": "read"}
    for name, job in found["jobs"].items():
        assert ("permissions" in job) == (name in WRITERS)
        uses = [step.get("uses", "") for step in job["steps"]]
        checkouts = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
        assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)
        if name in WRITERS:
            assert not checkouts
            assert uses[0].startswith("actions/download-artifact@")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_targets_of_make_exist(path: Path) -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    runs = "\n".join(step.get("run", "") for step in steps(path))
    for target in re.findall(r"^make ([a-z0-9]+)", runs, re.MULTILINE):
        assert target in phony.split()


def test_forks_cannot_use_the_machine_with_a_gpu() -> None:
    found = workflow(REPOSITORY / ".github" / "workflows" / "reproduce.yml")
    # `pull_request_target` would run with a token that may write.
    assert set(found["on"]) == {"workflow_dispatch", "pull_request"}
    assert "head.repo.full_name == github.repository" in found["jobs"]["reproduce"]["if"]
