"""Resources of all jobs, as Snakemake plans them, and the options that fill a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from support.changed import changed_config
from support.fixture_types import Tiny
from support.paths import CONFIG, REPOSITORY

from pipeline.compute import threads, visible_gpus
from pipeline.compute.threads import threads_of
from pipeline.errors import ConfigError
from pipeline.planning import job_needs
from pipeline.planning.counts import Counts
from pipeline.planning.images import canon_images, images_of
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.jobs import planned_jobs
from pipeline.workflow.machine import Machine
from pipeline.workflow.resources import CLUSTER_THREADS, JobResources

NO_NETWORK = {"input", "mean", "left", "right", "unsharp", "linear-fit", "ebdb", "jnb"}
MODULE = """
from pathlib import Path
from baselines.kpac import *
from baselines.kpac import CITATION, LICENCE, INPUT_BITS, VIEWS, build
Path(__file__).with_suffix(".ran").touch()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nothing has been made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}{os.pathsep}{tmp_path}")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "published").symlink_to(REPOSITORY / "reports" / "published")
    return tmp_path


def test_every_job_asks_for_what_it_needs(here: Path) -> None:
    data = {"extends": str(CONFIG / "demo_all.yaml"), "repetitions": 1}
    data["compute"] = {"gpus_per_run": 2, "torch_threads": 3, "loader_workers": 4}
    config = here / "mine.yaml"
    config.write_text(yaml.safe_dump(data))
    jobs, bench = planned_jobs(config, []), Workflow(config)
    experiment = bench.experiment
    images = images_of(experiment.dataset, bench.places.manifest)
    counts = Counts(experiment, config)
    windows = images.windows(experiment.patches)
    counts.count([name for name in bench.all_methods if experiment.recipe_of(name)], windows)
    rules = {job.rule for job in jobs}
    assert rules == {
        *("data", "store", "patches", "train", "evaluate", "complexity"),
        *("table1", "table2", "latex", "plot", "qualitative", "figures", "verdicts", "track"),
        "html",
    }
    assert {job.wildcards["method"] for job in jobs if job.rule == "evaluate"} == {
        *bench.all_methods
    }
    (counting,) = (job for job in jobs if job.rule == "complexity")
    assert counting.output == bench.sizes()
    assert len(counting.output) == len({*bench.all_methods} - NO_NETWORK)
    for job in jobs:
        asked = (job.threads, job.gpu, job_needs.Needs(job.mem_mb or 0, job.runtime or 0))
        method = job.wildcards.get("method", "")
        if job.rule == "train" and method not in NO_NETWORK:
            counted = counts.known(method, windows)
            assert counted is not None
            needs = job_needs.training_needs(experiment, method, images, counted, 6)
            assert asked == (6, 2, needs), job
            # Two processes of torch and CUDA, each with four workers that may send by pipe.
            assert needs.mem_mb > 2 * (450 + 2000 + 4 * 67)
        elif job.rule == "train":
            needs = job_needs.fitting_needs(experiment, method, images, 3)
            assert asked == (3, 0, needs), job
        elif job.rule == "evaluate":
            counted = counts.known(method, windows) if method not in NO_NETWORK else None
            needs = job_needs.evaluation_needs(experiment, method, images, counted, 3)
            assert asked == (3, int(method not in NO_NETWORK), needs), job
        elif job.rule == "qualitative":
            needs = job_needs.qualitative_needs(experiment, images, 3)
            assert asked == (3, 1, needs), job
        else:
            assert job.gpu == 0
            assert job.mem_mb
            assert job.mem_mb <= 4000
            assert job.runtime
            # Half an hour to start, and two minutes for each network that is counted.
            assert job.runtime <= 60 + 2 * len(job.output) * (job is counting)
    reading = {job.rule: job for job in jobs}
    assert reading["data"].threads == 8
    assert reading["complexity"].threads == 1


def test_a_dry_run_of_snakemake_imports_no_method(
    here: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    (here / "stranger.py").write_text(MODULE)
    config, target = stranger(here, tiny, width=12), "runs/tiny/stranger-seed0/record.json"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--dry-run", target, "--configfile", str(config)]
    subprocess.run(command, check=True, capture_output=True)
    assert not (here / "stranger.ran").exists()
    # A plan says in docs/adding_a_method.md that it does.
    (train,) = (job for job in planned_jobs(config, [target]) if job.rule == "train")
    assert (here / "stranger.ran").exists()
    assert train.mem_mb
    # What is known from then on needs no import.
    (here / "stranger.ran").unlink()
    jobs = dry_run(config, target)
    assert not (here / "stranger.ran").exists()
    assert jobs["train"]["mem_mb"] == train.mem_mb


def stranger(folder: Path, tiny: Tiny, width: int) -> Path:
    kwargs = {"width": width, "levels": 3, "dual": True}
    entry = {"module": "stranger", "row": "Stranger", "recipe": "dmtnet", "kwargs": kwargs}
    changes = {"methods": {"stranger": entry}, "only": ["stranger"], "not_run": []}
    return changed_config(folder, tiny, changes)


def test_a_network_that_cannot_be_built_has_no_plan(here: Path, tiny: Tiny) -> None:
    (here / "stranger.py").write_text(MODULE)
    with pytest.raises(
        ConfigError, match="width 7 is not a multiple of 12; check its `kwargs`"
    ) as e:
        planned_jobs(stranger(here, tiny, width=7), ["runs/tiny/stranger-seed0/record.json"])
    assert "\n" not in str(e.value)


def dry_run(config: Path, target: str, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "pipeline.workflow.dry_run", "--cores", "64", target]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(config)]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    return {job["rule"]: job for job in json.loads(done.stdout)["jobs"]}


def test_the_users_limits_come_first(here: Path, tiny: Tiny) -> None:
    target = "runs/tiny/dmtnet-t-seed0/record.json"
    computed = {job.rule: job for job in planned_jobs(tiny.config, [target])}
    assert computed["train"].runtime != 1440
    jobs = dry_run(
        tiny.config, target, "--set-resources", "train:runtime=1440", "train:mem_mb=9000"
    )
    assert (jobs["train"]["runtime"], jobs["train"]["mem_mb"]) == (1440, 9000)
    assert jobs["store"]["runtime"] == computed["store"].runtime
    # A limit of this machine cuts what jobs ask for; they wait for each other, and none forever.
    jobs = dry_run(tiny.config, target, "--resources", "mem_mb=1500", "gpu=1")
    assert jobs["train"]["mem_mb"] == 1500


def test_an_unknown_set_has_limits_once_it_is_known(here: Path, tiny: Tiny) -> None:
    dataset = {"kind": "folder", "name": "mine", "root": str(tiny.raw)}
    config = changed_config(here, tiny, {"dataset": dataset, "only": ["input"]})
    jobs = {job.rule: job for job in planned_jobs(config, ["results/mine/input-seed0/record.json"])}
    assert jobs["evaluate"].mem_mb is None
    assert jobs["evaluate"].runtime is None
    assert jobs["data"].runtime == job_needs.data_needs(canon_images(), False, 8).runtime


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pretended machine of 64 cores and eight GPUs."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6,7")
    monkeypatch.setattr(visible_gpus, "_listed", list)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.delenv(threads.THREADS, raising=False)


@pytest.mark.usefixtures("machine")
def test_the_options_that_fill_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Machine.here()
    assert here == Machine(64, 8)
    assert here.options() == ["--cores", "64", "--resources", "gpu=8"]
    assert here.options("16") == ["--cores", "16", "--resources", "gpu=8"]
    assert "64 cores, 8 GPUs; Snakemake gets --cores 64 --resources gpu=8" in here.chosen()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert Machine.here().options() == ["--cores", "64", "--resources", "gpu=1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert Machine.here().options() == ["--cores", "64"]
    assert "64 cores, no GPU" in Machine.here().chosen()


@pytest.mark.usefixtures("machine")
def test_eight_gpus_train_at_once(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All trainings that there are GPUs for fit the cores."""
    for per_run in (1, 2):
        changes = {"compute/torch_threads": "auto", "compute/gpus_per_run": per_run}
        bench = Workflow(changed_config(tmp_path, tiny, changes))
        local = SimpleNamespace(local_exec=True, is_main_process=True)
        wildcards = SimpleNamespace(method="dmtnet-b")
        asked = JobResources(local, bench)
        assert asked.threads("train")(wildcards) == 8 * per_run
        assert asked.gpus("train")(wildcards) == per_run
        assert asked.threads("evaluate")(wildcards) == 8
        # The machine that submits jobs to a cluster need not be like those that run them.
        remote = JobResources(SimpleNamespace(local_exec=False, is_main_process=True), bench)
        monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
        assert remote.threads("train")(wildcards) == CLUSTER_THREADS * per_run
        monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
        # Snakemake tells a job its threads; the processes of a training share them.
        monkeypatch.setenv(threads.THREADS, str(8 * per_run))
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(per_run))
        assert threads_of(bench.experiment.compute) == 8
        monkeypatch.delenv(threads.THREADS)
        monkeypatch.delenv("LOCAL_WORLD_SIZE")
        assert threads_of(bench.experiment.compute) == 64


@pytest.mark.parametrize("limit", ["mem_mb", "mem_mib", "runtime"])
def test_networks_are_counted_only_where_something_limits_a_job(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    known = job_needs.Needs(1500, 40)
    monkeypatch.setattr(JobResources, "needs", lambda *_: known)
    wildcards = {"method": "dmtnet-b"}

    def asked(*, local: bool, dry: bool, limits: dict[str, int]) -> tuple[Any, Any]:
        snakemake = SimpleNamespace(local_exec=local, dryrun=dry, global_resources=limits)
        jobs = JobResources(snakemake, Workflow(tiny.config))
        return jobs.mem_mb("train")(wildcards, 1), jobs.runtime("train")(wildcards, 1)

    assert asked(local=True, dry=False, limits={"_cores": 2, "gpu": 1}) == (0, 0)
    for local, dry, limits in ((True, False, {limit: 9}), (False, False, {}), (True, True, {})):
        assert asked(local=local, dry=dry, limits=limits) == (1500, 40)
