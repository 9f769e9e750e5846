"""What the drills of SLURM share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.slurm import Cluster
from support.slurm_projects import SCORES, new_project, run_here


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as made:
        yield made


@pytest.fixture(autouse=True)
def ended(request: pytest.FixtureRequest) -> Iterator[None]:
    """A drill that fails leaves nothing running to the next one on the same cluster."""
    yield
    if "cluster" in request.fixturenames:
        request.getfixturevalue("cluster").clear()


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training that waits and its scores, undisturbed and without SLURM."""
    return run_here(new_project(tmp_path_factory.mktemp("local")), str(SCORES))


@pytest.fixture
def project(expected: Path, tmp_path: Path) -> Path:
    """The experiment of the training that waits, with its data made, and nothing else."""
    folder = new_project(tmp_path / "project")
    shutil.copytree(expected / "data", folder / "data")
    return folder
