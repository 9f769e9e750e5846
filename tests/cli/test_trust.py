"""What an experiment file can run: which commands import the modules that it names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from support.fixture_types import Run, Tiny

from pipeline.config.experiment import load_experiment
from pipeline.keys import evaluate_keys
from pipeline.run import Run as PlannedRun

MODULE = """
from pathlib import Path
from baselines.controls import *
from baselines.controls import CITATION, LICENCE, INPUT_BITS, VIEWS, build
Path(__file__).with_suffix(".ran").touch()
"""


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment whose control is a stranger's module."""
    (tmp_path / "stranger.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "stranger", raising=False)
    data = yaml.safe_load(tiny.config.read_text())
    entry = {"module": "stranger", "row": "Stranger", "kind": "control"}
    data["methods"] = {"stranger": {**entry, "kwargs": {"control": "mean"}}}
    path = tmp_path / "stranger.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def ran(config: Path) -> bool:
    return config.with_suffix(".ran").exists()


def test_listing_and_keys_import_nothing(run: Run, tiny: Tiny, config: Path) -> None:
    assert run("methods", "--config", config).code == 0
    assert evaluate_keys(PlannedRun.of(load_experiment(config), "stranger"))
    target = ["--root", tiny.raw, "--manifest", config.with_name("manifest.csv")]
    assert run("data", *target, "--config", config).code == 0
    assert not ran(config)


@pytest.mark.parametrize("command", [["methods", "--long"], ["complexity", "stranger"]])
def test_commands_that_run_the_module(run: Run, config: Path, command: list[str]) -> None:
    run(*command, "--config", config)
    assert ran(config)
