"""A node of a real SLURM that loses its power, stands still for a while, or is cut off.

Each drill takes three to eight minutes, most of them in waits.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest
from support.slurm import NODES, Cluster, wait_until, why_not
from support.slurm_projects import (
    LOG,
    RECORD,
    TRAINING,
    WEIGHTS,
    compare,
    finish,
    saved,
    submit,
    write_experiment,
)

pytestmark = [
    pytest.mark.drill,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
COMMAND = "dmtbench train"
# Loader processes, and the server that forks them.
LOADERS = "multiprocessing.forkserver"


@pytest.fixture
def project(project: Path) -> Path:
    """The training saves its state every few seconds."""
    write_experiment(project, save_every_s=4.0)
    return project


def begin(
    cluster: Cluster, project: Path, *arguments: str, wait_s: float
) -> tuple[subprocess.Popen[bytes], str, str, str]:
    """Start the training, until it has a state: the run, its job, its node and the other node."""
    run = submit(cluster, project, str(RECORD), *arguments, wait_s=wait_s)
    wait_until("a state", lambda: saved(project))
    found = cluster.job_of(TRAINING)
    assert found is not None
    job, node = found
    assert len(cluster.processes(LOADERS, node)) == 3
    (other,) = (name for name in NODES if name != node)
    return run, job, node, other


def test_a_training_of_a_lost_node_resumes_on_the_other_one(
    cluster: Cluster, expected: Path, project: Path
) -> None:
    # No attempt of Snakemake's: SLURM itself puts the job back in the queue.
    run, job, node, other = begin(cluster, project, "--retries", "0", wait_s=1)
    cluster.lose(node)
    wait_until("the end of all its processes", lambda: not cluster.processes("", node))
    assert not cluster.processes(COMMAND)
    before = saved(project)
    wait_until("the other node", lambda: cluster.job_of(TRAINING) == (job, other))
    wait_until("a newer state", lambda: saved(project) > before)
    text = (project / LOG).read_text()
    assert f"on {node}, for" in text
    assert "ended without releasing the lock; resuming" in text
    finish(run, project)
    compare(project, expected, WEIGHTS)
    cluster.start_node(node)


def test_a_training_on_a_node_that_stood_still_writes_nothing_when_it_is_back(
    cluster: Cluster, expected: Path, project: Path
) -> None:
    run, job, node, other = begin(cluster, project, "--retries", "0", wait_s=1)
    (training,) = cluster.processes(COMMAND, node)
    snakemake = training.parent()
    # The next job makes the file of the log anew.
    with Path(f"/proc/{training.pid}/fd/2").open() as errors:
        cluster.suspend(node)
        before = saved(project)
        wait_until("the other node", lambda: cluster.job_of(TRAINING) == (job, other))
        wait_until("a newer state", lambda: saved(project) > before)
        # Only the training wakes up, so that nobody but the lease can stop it.
        cluster.wake(node, LOADERS)
        cluster.wake(node, COMMAND)
        wait_until("its end", lambda: not cluster.processes(COMMAND, node))
        assert "nothing more is written here" in errors.read()
    assert cluster.job_of(TRAINING) == (job, other)
    finish(run, project)
    compare(project, expected, WEIGHTS)
    # Snakemake on the old node learns that its training failed, and must not remove the result.
    snakemake.resume()
    wait_until("the end of Snakemake", lambda: snakemake.status() == psutil.STATUS_ZOMBIE)
    compare(project, expected, WEIGHTS)
    cluster.wake(node)
    wait_until("the node", lambda: cluster.state_of(node) == "idle")
    compare(project, expected, WEIGHTS)


def test_a_training_that_continues_on_a_node_that_is_cut_off_keeps_its_lock(
    cluster: Cluster, expected: Path, project: Path
) -> None:
    run, job, node, other = begin(cluster, project, wait_s=10)
    # SLURM sees a node that doesn't answer, and its job continues.
    cluster.suspend(node, "slurmd")
    wait_until("the other node", lambda: cluster.job_of(TRAINING) == (job, other))
    wait_until("the next attempt", lambda: "Trying to restart job" in messages(project))
    assert f"on {node}, for" in (project / LOG).read_text()
    before = saved(project)
    wait_until("a newer state", lambda: saved(project) > before)
    assert cluster.processes(COMMAND, node)
    cluster.wake(node)
    wait_until("the end of the old job", lambda: not cluster.processes("snakemake", node))
    finish(run, project)
    compare(project, expected, WEIGHTS)


def messages(project: Path) -> str:
    """What Snakemake says."""
    return (project / "snakemake.log").read_text()
