"""The jobs `qualitative` and `figures` in the workflow: one each, after what they show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.paths import PUBLISHED, REPOSITORY
from support.projects import CONFIG, write_config

from pipeline.chain.experiment import Chain
from pipeline.workflow.jobs import planned_jobs

ONLY = ["input", "unsharp", "dmtnet-t", "dmtnet-b", "dmtnet-b-fixed"]


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which nothing has been made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}{os.pathsep}{tmp_path}")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "published").symlink_to(PUBLISHED)


@pytest.mark.parametrize("target", ["reports/small/figure4.pdf", "reports/figure5.png", "figures"])
def test_a_figure_needs_the_first_seed_of_what_it_shows(target: str) -> None:
    write_config(only=ONLY, repetitions=2)
    jobs = planned_jobs(CONFIG, [target])
    shown = {"input-seed0", "dmtnet-t-seed0", "dmtnet-b-seed0"}
    assert {job.name for job in jobs if job.rule == "evaluate"} == shown
    assert [job.rule for job in jobs].count("qualitative") == 1
    assert [job.rule for job in jobs].count("figures") == 1
    assert not {"table1", "plot", "complexity"} & {job.rule for job in jobs}


def test_an_ablation_is_evaluated_if_figure_5_is_about_it() -> None:
    write_config(only=ONLY, qualitative={"network": "dmtnet-b-fixed"})
    jobs = planned_jobs(CONFIG, ["figures"])
    assert "dmtnet-b-fixed-seed0" in {job.name for job in jobs if job.rule == "evaluate"}


def test_choices_change_no_result() -> None:
    plain = write_config(only=ONLY)
    chosen = write_config(only=ONLY, qualitative={"crop": 9})
    assert plain.digest() == chosen.digest()
    order = [*Chain(chosen).artifacts]
    assert order.index("qualitative") < order.index("figures")
    assert "qualitative" not in Chain(chosen).artifacts["track"].needs
