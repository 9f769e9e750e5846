"""A process of several that fails: the others end within seconds, and one line says why."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from support.fixture_types import Tiny
from support.paths import REPOSITORY

# `dmtbench` with one function of one process replaced by one that fails; without a rank, of all.
SCRIPT = """
import importlib, os, sys, time
from pathlib import Path
from pipeline import cli
from pipeline.errors import DataError
folder, rank, module, path, after = sys.argv[1:6]
del sys.argv[1:6]
if rank in ("", os.environ["RANK"]):
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, name), []
    def failing(*arguments, **options):
        calls.append(time.time())
        if len(calls) <= int(after):
            return original(*arguments, **options)
        Path(folder, "failed").write_text(repr(time.time()))
        raise DataError("planted; try again")
    setattr(owner, name, failing)
cli.main()
"""
# The connections themselves would wait half an hour.
END_S = 60


def train(folder: Path, tiny: Tiny, planted: tuple[str, str, str, int]) -> tuple[list[str], float]:
    """Lines on standard error of a training that must fail, and seconds from failure to end."""
    script, rank, module, path, after = folder / "trainer.py", *planted
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "pipeline.compute.torchrun", "--nproc-per-node", "2"]
    options = ["--store", tiny.store, "--patches", tiny.patches, "--manifest", tiny.manifest]
    config = folder / "cpu.yaml"
    config.write_text(tiny.config.read_text().replace("device: auto", "device: cpu"))
    options += ["--config", config, "--output", folder / "run"]
    launcher = subprocess.Popen(
        [*command, script, folder, rank, module, path, str(after), "train", "dmtnet-b", *options],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = launcher.communicate(timeout=240)
    finally:
        if launcher.poll() is None:
            for process in (*psutil.Process(launcher.pid).children(), launcher):
                process.kill()
    ended = time.time()
    assert (launcher.returncode, out) == (1, ""), err
    assert not (folder / "run").exists()
    failed = folder / "failed"
    lines = [line for line in err.splitlines() if not line.startswith("dmtnet-b")]
    return lines, ended - float(failed.read_text()) if failed.exists() else 0.0


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(("1", "pipeline.stages.train", "_open", 0), id="before they meet"),
        pytest.param(
            ("1", "pipeline.data.sampling.crop_reader", "CropReader.read_batch", 1), id="data"
        ),
        pytest.param(("1", "pipeline.training.train_step", "forward", 1), id="forward pass"),
        pytest.param(("0", "pipeline.training.loop", "whole_scene", 0), id="validation"),
        pytest.param(
            ("0", "pipeline.training.checkpoint", "CheckpointStore.load", 0), id="restoring"
        ),
        pytest.param(("0", "pipeline.training.checkpoint", "CheckpointStore.save", 0), id="saving"),
        pytest.param(("0", "pipeline.stages.train", "save_weights", 0), id="writing"),
        pytest.param(("", "pipeline.stages.train", "_open", 0), id="all alike"),
    ],
)
def test_one_failure_ends_all_with_one_line(
    tmp_path: Path, tiny: Tiny, planted: tuple[str, str, str, int]
) -> None:
    lines, seconds = train(tmp_path, tiny, planted)
    assert lines == ["error: planted; try again"]
    assert 0 < seconds < END_S
