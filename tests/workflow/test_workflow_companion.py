"""The companion set in the workflow: made where a method needs it, and only there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.companions import CLIPS, NEEDY, OTHERS, write_experiment
from support.fixture_types import Tiny
from support.paths import PUBLISHED, REPOSITORY

from pipeline.keys import Keys, data_keys, train_keys
from pipeline.run import Run
from pipeline.stages.plan import Speed, make_plan
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.jobs import Job, planned_jobs

IMAGE = 64 * 64 * 6


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nothing has been made."""
    shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return tmp_path


def workflow(folder: Path, tiny: Tiny, **changes: Any) -> Workflow:
    path = folder / "mine.yaml"
    return Workflow(write_experiment(path, tiny, {**CLIPS, **changes}))


def keys(made: Workflow) -> dict[str, Keys]:
    experiment = made.experiment
    found = {name: train_keys(Run.of(experiment, name)) for name in (NEEDY, *OTHERS)}
    parts = {block.name: part for part, block in experiment.sets().items()}
    return found | {name: data_keys(experiment, part) for name, part in parts.items()}


def test_another_companion_set_trains_those_methods_anew(tmp_path: Path, tiny: Tiny) -> None:
    before = keys(workflow(tmp_path, tiny))
    after = keys(workflow(tmp_path, tiny, coc_far=[9.0, 14.0]))
    assert {name for name in after if after[name] != before[name]} == {NEEDY, "tiny-clips"}


def test_methods_that_do_without_have_the_keys_of_an_experiment_without(
    tmp_path: Path, tiny: Tiny
) -> None:
    with_companion, without = workflow(tmp_path, tiny), Workflow(tiny.config)
    for name in (*OTHERS, "tiny"):
        assert keys(with_companion)[name] == keys(without)[name]
    assert without.datasets == ["tiny"]


def test_where_the_images_of_both_sets_lie(tmp_path: Path, tiny: Tiny) -> None:
    made = workflow(tmp_path, tiny)
    assert made.datasets == ["tiny", "tiny-clips"]
    assert made.raw_of("tiny-clips") == "data/tiny-clips/raw"
    assert [made.data_option(name) for name in made.datasets] == [[], ["--companion"]]
    assert made.companion_index(NEEDY) == ["data/tiny-clips/store/index.json"]
    assert not any(made.companion_index(name) for name in OTHERS)
    own = {"kind": "folder", "name": "street", "root": "/somewhere/SYNTHIA"}
    path = write_experiment(tmp_path / "own.yaml", tiny, own)
    assert Workflow(path).raw_of("street") == "/somewhere/SYNTHIA"


def named(jobs: list[Job]) -> set[tuple[str, str]]:
    return {(job.rule, job.name) for job in jobs}


def record(method: str) -> str:
    return f"runs/tiny/{method}-seed0/record.json"


def test_the_set_is_made_only_for_a_method_that_needs_it(here: Path, tiny: Tiny) -> None:
    config = Path(workflow(here, tiny).config)
    both = {("data", "tiny"), ("store", "tiny"), ("patches", "")}
    assert named(planned_jobs(config, [record("unsharp")])) == {*both, ("train", "unsharp-seed0")}
    companion = {("data", "tiny-clips"), ("store", "tiny-clips")}
    found = named(planned_jobs(config, [record(NEEDY)]))
    assert found == {*both, *companion, ("train", f"{NEEDY}-seed0")}


def test_the_plan_counts_the_disk_of_both_sets(here: Path, tiny: Tiny) -> None:
    config = Path(workflow(here, tiny).config)
    target, speed = [record("unsharp")], Speed(1.0, 1.0)
    plan = make_plan(config, target, speed)
    disk = {use.what: (use.path, use.expected) for use in plan.disk}
    size = 2 * 2 * 4 * IMAGE
    assert disk["companion images"] == ("data/tiny-clips/raw", size)
    assert disk["companion pixel store"] == ("data/tiny-clips/store", size)
    assert disk["pixel store"] == ("data/tiny/store", 2 * 4 * IMAGE)
    assert plan.images == "the configuration"
    # Nothing that is run needs it: it is not made.
    kept = write_experiment(
        here / "kept.yaml", tiny, CLIPS, not_run=[NEEDY], only=["unsharp", NEEDY]
    )
    whats = {use.what for use in make_plan(kept, target, speed).disk}
    assert not any(what.startswith("companion") for what in whats)


@pytest.mark.slow
@pytest.mark.e2e
def test_a_changed_companion_set_reruns_only_what_used_it(here: Path, tiny: Tiny) -> None:
    targets = [record(NEEDY), record("unsharp")]
    config = Path(workflow(here, tiny).config)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--cores", "1", *targets, "--configfile", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert planned_jobs(config, targets) == []
    workflow(here, tiny, coc_far=[9.0, 14.0])
    assert named(planned_jobs(config, targets)) == {
        ("data", "tiny-clips"),
        ("store", "tiny-clips"),
        ("train", f"{NEEDY}-seed0"),
    }
