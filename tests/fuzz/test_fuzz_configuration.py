"""Damaged configuration files: a `ConfigError`, nothing else."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml
from support.fuzz import from_file, fuzz
from support.mutations import mutations, other_values
from support.paths import CONFIG, TINY

from pipeline.config import experiment
from pipeline.config.methods import MethodList
from pipeline.config.yaml_files import read_with_bases, read_yaml
from pipeline.errors import ConfigError

SEEDS = [path.read_bytes() for path in (TINY, CONFIG / "demo_all.yaml", CONFIG / "rehearsal.yaml")]
MERGING = b"a: &a {k: 1, l: [2, 3]}\nb: &b\n  <<: *a\n  k: 2\nc: {<<: [*a, *b], m: *a}\n"
WORDS = [
    *(
        b": ",
        b"- ",
        b"? ",
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!",
        b"!!int ",
        b"!!python/tuple ",
        b"|\n",
    ),
    *(
        b">\n",
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
        b"{",
        b"}",
        b"[",
        b"]",
        b"@",
        b"~",
        b"2022-02-30",
    ),
    *(
        b"extends: ",
        b"only: [dmtnet-t]\n",
        b"not_run: [input]\n",
        b"kind: canon\n",
        b"weights: {ifan: official}\n",
        b'"\\ud800"',
    ),
]


def test_damaged_yaml(tmp_path: Path) -> None:
    # The base of `demo_all.yaml`.
    shutil.copy(CONFIG / "demo.yaml", tmp_path)
    read = from_file(tmp_path / "mine.yaml", read_with_bases)
    fuzz(read, mutations([*SEEDS[1:], MERGING], words=WORDS), refusals=(ConfigError,))


@pytest.fixture
def shared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the method list and the recipes once, since they take longer than the experiment."""
    methods = experiment.load_methods()
    recipes = cache(read_yaml)(experiment.RECIPES_FILE)
    monkeypatch.setattr(experiment, "load_methods", lambda: MethodList.model_validate(methods))
    monkeypatch.setattr(experiment, "read_yaml", lambda path: recipes)


@pytest.mark.usefixtures("shared_once")
def test_damaged_experiments(tmp_path: Path) -> None:
    read = from_file(tmp_path / "mine.yaml", experiment.load_experiment)
    fuzz(read, mutations(SEEDS[:1], words=WORDS), refusals=(ConfigError,))


@pytest.mark.usefixtures("shared_once")
def test_other_values(tmp_path: Path) -> None:
    read = from_file(tmp_path / "mine.yaml", experiment.load_experiment)
    tree = {**yaml.safe_load(SEEDS[0]), "only": ["dmtnet-t", "input"], "budgets": {}}
    tree |= {"weights": {"input": {"file": "x.pth", "key": "ema"}}, "not_run": {"input": "why"}}
    tree |= {"methods": {"mine": {"module": "dmtnet", "row": "Mine", "recipe": "dmtnet"}}}
    fuzz(read, other_values(tree), refusals=(ConfigError,))
