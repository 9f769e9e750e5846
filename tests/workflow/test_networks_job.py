"""The job `networks` in the workflow: one for all trainings, only with a study."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.paths import PUBLISHED, REPOSITORY
from support.studies import SEEDS, STUDY_CONFIG, TRAINED, write_study_config

from pipeline.chain.experiment import Chain
from pipeline.planning import job_needs
from pipeline.planning.images import images_of
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.jobs import planned_jobs

TARGET = "reports/played/networks.csv"


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which nothing has been made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}{os.pathsep}{tmp_path}")
    shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")


def test_one_job_follows_all_trainings() -> None:
    experiment = write_study_config()
    jobs = planned_jobs(STUDY_CONFIG, [TARGET])
    names = [job.name for job in jobs if job.rule == "train"]
    assert {*names} == {f"{name}-seed{seed}" for name in TRAINED for seed in range(SEEDS)}
    assert not [job for job in jobs if job.rule == "evaluate"]
    (networks,) = (job for job in jobs if job.rule == "networks")
    assert networks.output[:2] == [TARGET, "reports/played/selection_weights.csv"]
    images = images_of(experiment.dataset, Workflow(STUDY_CONFIG).places.manifest)
    needs = job_needs.networks_needs(experiment, images, networks.threads)
    assert (networks.mem_mb, networks.runtime) == (needs.mem_mb, needs.runtime)
    assert networks.gpu == int(experiment.compute.device != "cpu")


def test_the_study_follows_it() -> None:
    chain = Chain(write_study_config())
    assert "networks" in chain.artifacts["ablation"].needs
    order = [*chain.artifacts]
    assert order.index("networks") < order.index("ablation")


def test_without_a_study_there_is_none() -> None:
    write_study_config(study=None)
    assert "networks" not in {job.rule for job in planned_jobs(STUDY_CONFIG, [])}
