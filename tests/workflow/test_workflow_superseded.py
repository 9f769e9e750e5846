"""A run that the real workflow replaces: Snakemake deletes its outputs, and it stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.fixture_types import Tiny
from support.paths import PUBLISHED, REPOSITORY

from pipeline.files import sha256_of
from pipeline.finished_runs import finished_runs

RUN = Path("runs/tiny/unsharp-seed0")


def train(config: Path) -> int:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--cores", "1", str(RUN / "record.json"), "--configfile", str(config)]
    return subprocess.run(command, check=False, capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.e2e
def test_a_run_that_the_workflow_replaces_stays(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    config = tmp_path / "mine.yaml"
    data = yaml.safe_load(tiny.config.read_text())
    config.write_text(yaml.safe_dump(data))
    assert train(config) == 0
    first = sha256_of(RUN / "weights.safetensors")
    # Rounding only: nothing to do.
    data["compute"] |= {"torch_threads": 2, "channels_last": True}
    config.write_text(yaml.safe_dump(data))
    before = (RUN / "weights.safetensors").stat().st_mtime_ns
    assert train(config) == 0
    assert (RUN / "weights.safetensors").stat().st_mtime_ns == before
    data["seed"] += 1
    config.write_text(yaml.safe_dump(data))
    assert train(config) == 0
    assert sha256_of(RUN / "weights.safetensors") != first
    (aside,) = [run for run in finished_runs(RUN.parent) if run.superseded]
    assert sha256_of(aside.folder / "weights.safetensors") == first
    assert aside.record.provenance.config["seed"] == data["seed"] - 1
