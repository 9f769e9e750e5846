"""The workflow on a real SLURM: a job cancelled, a node drained or lost, a controller restarted.

Starts SLURM from Debian's packages `slurm-wlm` and `munge`, as root, in namespaces of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.paths import PUBLISHED, REPOSITORY, TESTS, TINY
from support.slurm import NODES, Cluster, wait_until, why_not

pytestmark = [pytest.mark.drill, pytest.mark.skipif(bool(why_not()), reason=why_not())]

CONFIG = "config/drill.yaml"
PROFILE = str(REPOSITORY / "profiles" / "slurm")
LONG = Path("runs/tiny/waiting-seed0")
STATE = Path("state/tiny/waiting-seed0")
STEPS = 40
# Snakemake asks SLURM about its jobs more often than a cluster's users should.
PATIENCE = [
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--seconds-between-status-checks",
    "2",
]
SCORES = Path("results/tiny/waiting-seed0/per_image.csv")
SAME = (LONG / "weights.safetensors", SCORES)


def new_project(folder: Path) -> Path:
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    data = yaml.safe_load(TINY.read_text())
    data["only"] = ["input", "waiting"]
    entry = {"module": "support.waiting_net", "row": "Waits (example)", "recipe": "dmtnet"}
    data["methods"] = {"waiting": entry}
    data["recipes"]["dmtnet"]["epochs"] = STEPS
    data["compute"] |= {"device": "auto", "loader_workers": 2, "save_every_s": 1000}
    data["complexity_size"] = [64, 64]
    (folder / "config").mkdir()
    (folder / CONFIG).write_text(yaml.safe_dump(data))
    (folder / "partitions.yaml").write_text("partitions: {main: {max_gpu: 0}, gpu: {max_gpu: 1}}")
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training and its scores, undisturbed and without SLURM."""
    folder = new_project(tmp_path_factory.mktemp("local"))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", str(SCORES)]
    done = subprocess.run(
        [*command, "--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", CONFIG],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{TESTS}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as made:
        yield made


@pytest.fixture
def project(expected: Path, tmp_path: Path) -> Path:
    """The experiment with its data made, and nothing else."""
    folder = new_project(tmp_path / "project")
    shutil.copytree(expected / "data", folder / "data")
    return folder


def submit(
    cluster: Cluster, folder: Path, *arguments: str, wait_s: float
) -> subprocess.Popen[bytes]:
    """Start Snakemake with the profile, where jobs are submitted."""
    command = [sys.executable, "-m", "snakemake", "--profile", PROFILE, *PATIENCE, *arguments]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", CONFIG]
    return cluster.start(
        *command,
        cwd=folder,
        log=folder / "snakemake.log",
        DRILL_WAIT_S=str(wait_s),
        DMTBENCH_SLURM_ACCOUNT="bench",
        SNAKEMAKE_SLURM_PARTITIONS=str(folder / "partitions.yaml"),
    )


def finish(run: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait for Snakemake to succeed; its messages."""
    status = run.wait(1800)
    log = (folder / "snakemake.log").read_text()
    assert status == 0, log
    return log


def trains(folder: Path) -> bool:
    return (folder / "logs" / "tiny" / "train-waiting-seed0.progress.json").exists()


def compare(folder: Path, expected: Path, *paths: Path) -> None:
    for path in paths:
        assert (folder / path).read_bytes() == (expected / path).read_bytes(), path


def saved(folder: Path) -> int:
    """The newest step that is saved; 0 if none is."""
    return max((int(path.stem[5:]) for path in (folder / STATE).glob("step-*.state")), default=0)


def test_everything_as_jobs_with_a_node_drained_and_a_job_cancelled(
    cluster: Cluster, expected: Path, tmp_path: Path
) -> None:
    folder = new_project(tmp_path / "project")
    run = submit(cluster, folder, wait_s=1.5)
    wait_until("the training", lambda: trains(folder))
    found = cluster.job_of("train_wildcards_waiting")
    assert found is not None
    job, node = found
    details = cluster.ask("scontrol", "show", "job", job)
    assert "Partition=gpu" in details
    assert "gres:gpu:1" in details
    assert "Account=bench" in details
    cluster.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=drill")
    cluster.restart_controller(away_s=20)
    # It goes on where it is, until somebody cancels it.
    assert cluster.job_of("train_wildcards_waiting") == found
    assert saved(folder) == 0
    cluster.ask("scancel", job)
    wait_until("a state", lambda: saved(folder))
    assert 0 < saved(folder) < STEPS
    wait_until("another job", lambda: cluster.job_of("train_wildcards_waiting"))
    again = cluster.job_of("train_wildcards_waiting")
    assert again is not None
    assert again[0] != job
    assert again[1] != node
    cluster.ask("scontrol", "update", f"nodename={node}", "state=resume")
    log = finish(run, folder)
    assert log.count("Trying to restart job") == 1
    compare(folder, expected, *SAME)
    assert "Waits (example)" in (folder / "reports" / "table1.csv").read_text()
    assert (folder / "reports" / "index.html").is_file()
    assert not cluster.processes("dmtbench")
    kept = (folder / "logs" / "slurm").rglob("*.log")
    assert [path.parent.name for path in kept] == ["waiting_0"]


@pytest.mark.slow
def test_a_job_that_comes_near_its_time_limit_goes_on_in_another_one(
    cluster: Cluster, expected: Path, project: Path
) -> None:
    # SLURM sends its signal 120 to 180 s before the end.
    run = submit(
        cluster, project, f"{LONG}/record.json", "--set-resources", "train:runtime=4", wait_s=5
    )
    wait_until("a state", lambda: saved(project))
    assert 0 < saved(project) < STEPS
    log = finish(run, project)
    assert "Trying to restart job" in log
    assert "TIMEOUT" not in log
    compare(project, expected, SAME[0])


@pytest.mark.slow
def test_a_job_of_a_lost_node_goes_on_on_the_other_one(
    cluster: Cluster, expected: Path, project: Path
) -> None:
    # No attempt of Snakemake's: SLURM itself puts the job back in the queue.
    run = submit(cluster, project, f"{LONG}/record.json", "--retries", "0", wait_s=1)
    wait_until("the training", lambda: trains(project))
    found = cluster.job_of("train_wildcards_waiting")
    assert found is not None
    job, node = found
    cluster.lose(node)
    other = [name for name in NODES if name != node]
    wait_until("the other node", lambda: cluster.job_of("train_wildcards") == (job, *other))
    finish(run, project)
    compare(project, expected, SAME[0])
