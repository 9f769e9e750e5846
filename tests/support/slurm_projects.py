"""Projects for a cluster: a training that waits, and Snakemake started where jobs are submitted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from support.paths import PUBLISHED, REPOSITORY, TESTS, TINY
from support.slurm import Cluster

CONFIG = "config/drill.yaml"
RUN = Path("runs/tiny/waiting-seed0")
RECORD = RUN / "record.json"
WEIGHTS = RUN / "weights.safetensors"
SCORES = Path("results/tiny/waiting-seed0/per_image.csv")
STATE = Path("state/tiny/waiting-seed0")
LOG = Path("logs/tiny/train-waiting-seed0.log")
# Of `support.waiting_net`: seconds for every step.
_WAIT = "wait_s"
TRAINING = "train_wildcards_waiting"
STEPS = 40
_PROFILE = str(REPOSITORY / "profiles" / "slurm")
# Snakemake asks SLURM about its jobs more often than a cluster's users should.
_PATIENCE = [
    "--slurm-init-seconds-before-status-checks",
    "1",
    "--seconds-between-status-checks",
    "2",
]


def new_project(folder: Path) -> Path:
    """Make a project of a training that waits in every step."""
    start_project(folder)
    write_experiment(folder)
    return folder


def start_project(folder: Path) -> None:
    """Make a project without experiment: the paper's numbers, and partitions of the cluster."""
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    (folder / "config").mkdir()
    (folder / "partitions.yaml").write_text("partitions: {main: {max_gpu: 0}, gpu: {max_gpu: 1}}")


def write_experiment(folder: Path, save_every_s: float = 1000.0) -> None:
    """Write the experiment of the training that waits."""
    data = yaml.safe_load(TINY.read_text())
    data["only"] = ["input", "waiting"]
    entry = {"module": "support.waiting_net", "row": "Waits (example)", "recipe": "dmtnet"}
    data["methods"] = {"waiting": entry}
    data["recipes"]["dmtnet"]["epochs"] = STEPS
    data["compute"] |= {"device": "auto", "loader_workers": 2, "save_every_s": save_every_s}
    data["complexity_size"] = [64, 64]
    (folder / CONFIG).write_text(yaml.safe_dump(data))


def run_here(folder: Path, *targets: str) -> Path:
    """Run the workflow without SLURM; the project."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *targets]
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


def submit(
    cluster: Cluster, folder: Path, *arguments: str, wait_s: float = 0.0
) -> subprocess.Popen[bytes]:
    """Start Snakemake with the profile, where jobs are submitted."""
    (folder / _WAIT).write_text(str(wait_s))
    command = [sys.executable, "-m", "snakemake", "--profile", _PROFILE, *_PATIENCE, *arguments]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", CONFIG]
    return cluster.start(
        *command,
        cwd=folder,
        log=folder / "snakemake.log",
        DMTBENCH_SLURM_ACCOUNT="bench",
        SNAKEMAKE_SLURM_PARTITIONS=str(folder / "partitions.yaml"),
    )


def finish(run: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait for Snakemake to succeed; its messages. The training waits no more."""
    (folder / _WAIT).unlink(missing_ok=True)
    status = run.wait(1800)
    log = (folder / "snakemake.log").read_text()
    assert status == 0, log
    return log


def trains(folder: Path) -> bool:
    """Whether the training has begun."""
    return (folder / LOG.with_suffix(".progress.json")).exists()


def saved(folder: Path, state: Path = STATE) -> int:
    """The newest step that is saved; 0 if none is."""
    return max((int(path.stem[5:]) for path in (folder / state).glob("step-*.state")), default=0)


def compare(folder: Path, expected: Path, *paths: Path) -> None:
    """Require the same bytes in both projects."""
    for path in paths:
        assert (folder / path).read_bytes() == (expected / path).read_bytes(), path
