"""The demo as jobs on a real SLURM of two nodes, and a training that gets SIGTERM meanwhile.

All methods and reports of `config/demo.yaml`; only sizes are cut, by the experiment below: nine
scenes of 64 x 96 pixels, narrower networks, 12 steps for most trainings. Takes some four minutes
of processor time without SLURM, where every job loads Snakemake only once.
"""

from __future__ import annotations

import filecmp
import re
import shutil
from pathlib import Path

import pytest
import yaml
from support.paths import CONFIG as CONFIGURATIONS
from support.slurm import Cluster, wait_until, why_not
from support.slurm_projects import CONFIG, finish, run_here, saved, start_project, submit

pytestmark = [
    pytest.mark.drill,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
STEPS = 180
SHORT = {
    "extends": "demo.yaml",
    "dataset": {
        "size": [64, 96],
        "train": {"leaves": 2},
        "val": {"leaves": 1},
        "test": {"leaves": 2},
    },
    "patches": {"size": 64},
    "complexity_size": [128, 128],
    "recipes": {"dmtnet": {"epochs": 3, "steps_per_epoch": 4, "crop": 32, "validations": 2}},
    # Long enough to be interrupted.
    "budgets": {
        "dmtnet-t": {"steps_per_epoch": 4},
        "dmtnet-b": {"steps_per_epoch": STEPS // 3},
    },
    "trained_size": {"dmtnet": {"embed_dim": 24, "channels": 24}},
    "compute": {"loader_workers": 2, "save_every_s": 1000},
}
STATE = Path("state/synthetic/dmtnet-b-seed0")
PROGRESS = Path("logs/synthetic/train-dmtnet-b-seed0.progress.json")


def short_demo(folder: Path) -> Path:
    start_project(folder)
    shutil.copy(CONFIGURATIONS / "demo.yaml", folder / "config")
    (folder / CONFIG).write_text(yaml.safe_dump(SHORT))
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run without SLURM."""
    return run_here(short_demo(tmp_path_factory.mktemp("local")))


def test_the_whole_demo_as_jobs_with_sigterm_to_a_training_with_loaders(
    expected: Path, cluster: Cluster, tmp_path: Path
) -> None:
    folder = short_demo(tmp_path / "project")
    # No more: this machine has fewer cores than its nodes.
    run = submit(cluster, folder, "--jobs", "4")
    wait_until("a step of the training", lambda: (folder / PROGRESS).exists())
    found = cluster.job_of("train_wildcards_dmtnet-b_0")
    assert found is not None
    job, node = found
    # Two loader processes, and the server that forks them.
    assert len(cluster.processes("multiprocessing.forkserver", node)) >= 3
    cluster.ask("scancel", "--signal=TERM", job)
    wait_until("a state", lambda: saved(folder, STATE))
    assert 0 < saved(folder, STATE) < STEPS
    log = finish(run, folder)
    assert log.count("Trying to restart job") == 1
    assert not cluster.processes("dmtbench")
    submitted = re.findall(r"has been submitted with SLURM jobid (\d+)", log)
    finished = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", log)
    print(f"{len(submitted)} jobs of SLURM, {len(finished)} of the workflow")
    # `all` is no job of SLURM's; the training that was interrupted is two.
    assert len(submitted) == len(finished)
    require_same_reports(folder, expected)


def require_same_reports(folder: Path, expected: Path) -> None:
    """Reports, weights and scores are the same bytes, but for what names dates, times and machines.

    These are the page, and the reports' own records, with checksums of the records of results.
    """
    assert (folder / "reports" / "index.html").is_file()
    names = files_of(expected)
    assert files_of(folder) == names
    required = {"table1.csv", "groups.tex", "figure4.pdf", "verdicts.md", "weights.safetensors"}
    assert required <= {name.name for name in names}
    assert [
        str(name)
        for name in sorted(names)
        if not filecmp.cmp(folder / name, expected / name, shallow=False)
    ] == []


def files_of(folder: Path) -> set[Path]:
    """What has neither dates nor times in it."""
    patterns = ("reports/**/*", "runs/*/*/weights.safetensors", "results/*/*/per_image.csv")
    return {
        path.relative_to(folder)
        for pattern in patterns
        for path in folder.glob(pattern)
        if path.is_file() and path.name != "index.html" and not path.match("*.record.json")
    }
