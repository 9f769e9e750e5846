"""`extends` in a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import REPOSITORY

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError


def _written(folder: Path, recipes: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(f"extends: {REPOSITORY}/config/demo.yaml\nrecipes:\n{recipes}\n")
    return path


def test_a_recipe_follows_what_the_experiment_changes_in_its_base(tmp_path: Path) -> None:
    own = "  dmtnet: {learning_rate: 0.5}\n  mirrored: {extends: dmtnet, flip_swaps_views: true}"
    recipes = load_experiment(_written(tmp_path, own)).recipes
    assert recipes["mirrored"].learning_rate == 0.5
    changed = recipes["dmtnet"].model_copy(update={"flip_swaps_views": True})
    assert recipes["mirrored"] == changed != recipes["dmtnet"]


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ("  a: {extends: b}", "recipes.a: extends unknown recipe 'b'"),
        ("  a: {extends: [dmtnet]}", "extends unknown recipe"),
        ("  a: {extends: b}\n  b: {extends: a}", "extend each other in a cycle"),
        ("  a: {extends: a}", "extend each other in a cycle"),
        ("  a: 3\n  b: {extends: a, epochs: 2}", "recipes.a"),
    ],
)
def test_a_base_that_cannot_be_used(tmp_path: Path, own: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load_experiment(_written(tmp_path, own))
    assert "\n" not in str(caught.value)
