"""The workflow on a real SLURM: a job cancelled, a node drained, a controller restarted.

Starts SLURM from Debian's packages `slurm-wlm` and `munge`, as root, in namespaces of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.slurm import Cluster, wait_until, why_not
from support.slurm_projects import (
    RECORD,
    SCORES,
    STEPS,
    TRAINING,
    WEIGHTS,
    compare,
    finish,
    new_project,
    saved,
    submit,
    trains,
)

pytestmark = [pytest.mark.drill, pytest.mark.skipif(bool(why_not()), reason=why_not())]


def test_everything_as_jobs_with_a_node_drained_and_a_job_cancelled(
    cluster: Cluster, expected: Path, tmp_path: Path
) -> None:
    folder = new_project(tmp_path / "project")
    run = submit(cluster, folder, wait_s=1.5)
    wait_until("the training", lambda: trains(folder))
    found = cluster.job_of(TRAINING)
    assert found is not None
    job, node = found
    details = cluster.ask("scontrol", "show", "job", job)
    assert "Partition=gpu" in details
    assert "gres:gpu:1" in details
    assert "Account=bench" in details
    cluster.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=drill")
    cluster.restart_controller(away_s=20)
    # It continues where it is, until somebody cancels it.
    assert cluster.job_of(TRAINING) == found
    assert saved(folder) == 0
    cluster.ask("scancel", job)
    wait_until("a state", lambda: saved(folder))
    assert 0 < saved(folder) < STEPS
    wait_until("another job", lambda: cluster.job_of(TRAINING))
    again = cluster.job_of(TRAINING)
    assert again is not None
    assert again[0] != job
    assert again[1] != node
    cluster.ask("scontrol", "update", f"nodename={node}", "state=resume")
    log = finish(run, folder)
    assert log.count("Trying to restart job") == 1
    compare(folder, expected, WEIGHTS, SCORES)
    assert "Waits (example)" in (folder / "reports" / "table1.csv").read_text()
    assert (folder / "reports" / "index.html").is_file()
    assert not cluster.processes("dmtbench")
    kept = (folder / "logs" / "slurm").rglob("*.log")
    assert [path.parent.name for path in kept] == ["waiting_0"]


@pytest.mark.slow
def test_a_training_that_comes_near_its_time_limit_resumes_in_another_job(
    cluster: Cluster, expected: Path, project: Path
) -> None:
    # SLURM sends its signal 120 to 180 s before the end.
    run = submit(cluster, project, str(RECORD), "--set-resources", "train:runtime=4", wait_s=5)
    wait_until("a state", lambda: saved(project))
    assert 0 < saved(project) < STEPS
    log = finish(run, project)
    assert "Trying to restart job" in log
    assert "TIMEOUT" not in log
    compare(project, expected, WEIGHTS)
