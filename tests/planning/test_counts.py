"""Costs of networks are counted once, in another process, and found again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.changed import changed_config
from support.fixture_types import Tiny
from support.paths import REPOSITORY

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError
from pipeline.methods import get_method
from pipeline.places import COMPLEXITY
from pipeline.planning import counts
from pipeline.planning.costs import training_cost
from pipeline.planning.counts import Counts

WINDOWS = 6


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def no_process(*_: Any, **__: Any) -> None:
    raise AssertionError("a process was started")


def test_a_network_is_counted_once(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Counts(tiny.experiment, tiny.config)
    assert first.known("dmtnet-t", WINDOWS) is None
    asked: list[list[str]] = []
    process = subprocess.run

    def noted(command: list[str], **more: Any) -> Any:
        asked.append(command)
        return process(command, **more)

    monkeypatch.setattr(subprocess, "run", noted)
    first.count(["dmtnet-t", "dmtnet-t"], WINDOWS)
    assert [command.count("dmtnet-t") for command in asked] == [1]
    found = first.known("dmtnet-t", WINDOWS)
    cost = training_cost(tiny.experiment, "dmtnet-t", "t", WINDOWS, COMPLEXITY, 1e12)
    assert found is not None
    assert cost is not None
    network = get_method("dmtnet-t").build(**tiny.experiment.trained_kwargs("dmtnet-t"))
    assert found.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert found.views == 2
    assert found.macs_per_pixel == pytest.approx(cost.macs_per_sample / cost.crop**2)
    assert found.step_bytes == cost.memory_bytes
    assert found.flop == pytest.approx(cost.gpu_hours * 3600e12)
    monkeypatch.setattr(subprocess, "run", no_process)
    again = Counts(tiny.experiment, tiny.config)
    again.count(["dmtnet-t"], WINDOWS)
    assert again.known("dmtnet-t", WINDOWS) == found
    # Other recipes, other windows and other code are others.
    recipe = tiny.experiment.recipes["dmtnet"].model_copy(update={"batch_size": 3})
    other = tiny.experiment.model_copy(update={"recipes": {"dmtnet": recipe}})
    assert Counts(other, tiny.config).known("dmtnet-t", WINDOWS) is None
    assert again.known("dmtnet-t", WINDOWS + 1) is None
    monkeypatch.setattr(counts, "_own_code", lambda: "changed")
    assert Counts(tiny.experiment, tiny.config).known("dmtnet-t", WINDOWS) is None


def test_without_a_cache_and_with_a_damaged_one(tiny: Tiny, cache: Path) -> None:
    cache.write_text("not a folder")
    made = Counts(tiny.experiment, tiny.config)
    made.count(["dmtnet-t"], WINDOWS)
    found = made.known("dmtnet-t", WINDOWS)
    assert found is not None
    cache.unlink()
    made._paths.clear()
    path = made._path("dmtnet-t", WINDOWS)
    path.parent.mkdir(parents=True)
    path.write_text('{"views": "two"}')
    assert Counts(tiny.experiment, tiny.config).known("dmtnet-t", WINDOWS) is None


def test_a_killed_process_is_named(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "from baselines.kpac import CITATION, LICENCE, INPUT_BITS, VIEWS"
    build = "def build(**kwargs):\n    print('hello')\n    os.kill(os.getpid(), 9)\n"
    (tmp_path / "killed.py").write_text(f"import os\n{names}\n{build}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}{os.pathsep}{tmp_path}")
    entry = {"module": "killed", "row": "Killed", "recipe": "dmtnet"}
    config = changed_config(tmp_path, tiny, {"methods": {"killed": entry}})
    with pytest.raises(ConfigError, match="'killed': its process was ended by SIGKILL, memory"):
        Counts(load_experiment(config), config).count(["killed"], WINDOWS)


def test_a_network_that_cannot_be_built_is_one_line(tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = tiny.config.read_text().replace("embed_dim: 24", "embed_dimension: 24")
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml: networks cannot be counted .*kwargs") as e:
        Counts(load_experiment(path), path).count(["dmtnet-t"], WINDOWS)
    assert "\n" not in str(e.value)
