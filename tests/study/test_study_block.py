"""The block `study` of an experiment file, and config/study.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import CONFIG
from support.studies import BLOCK, write_study_config

from pipeline.config.experiment import load_experiment
from pipeline.config.study import FEWEST_SEEDS
from pipeline.errors import ConfigError
from pipeline.verdicts import ENOUGH_SEEDS

NAMED = {"one": "dmtnet-s", "other": "dmtnet-t", "question": "Which?"}


def test_no_other_experiment_has_a_study() -> None:
    studies = {
        path.stem
        for path in CONFIG.glob("*.yaml")
        if "repetitions" in yaml.safe_load(path.read_text())
        and load_experiment(path).study is not None
    }
    assert studies == {"study"}


def test_the_study_has_what_its_claims_need() -> None:
    experiment = load_experiment(CONFIG / "study.yaml")
    assert experiment.repetitions >= 5
    trained = {name for name, _ in experiment.runs_of([*experiment.methods, *experiment.ablations])}
    assert {f"dmtnet-{size}" for size in "tsblh"} < trained
    assert {1, 2, 3} == set(experiment.table2_rows())
    test = experiment.dataset.model_dump()["test"]
    assert test["leaves"] + len(test["photographs"]) >= 24
    # One recipe and one length for the whole series.
    recipes = [experiment.recipe_of(f"dmtnet-{size}") for size in "tsblh"]
    assert all(recipe == recipes[0] for recipe in recipes)


def test_exchanged_flips_are_the_only_difference() -> None:
    experiment = load_experiment(CONFIG / "study.yaml")
    plain, exchanged = (
        experiment.recipe_of(name).model_dump()  # type: ignore[union-attr]
        for name in ("dmtnet-b", "dmtnet-b-exchanged")
    )
    assert exchanged.pop("flip_swaps_views") is not plain.pop("flip_swaps_views")
    assert exchanged == plain
    assert experiment.trained_kwargs("dmtnet-b") == experiment.trained_kwargs("dmtnet-b-exchanged")


def test_a_study_changes_no_result(tmp_path: Path) -> None:
    with_study = write_study_config(tmp_path / "one.yaml", name="x")
    without = write_study_config(tmp_path / "two.yaml", name="x", study=None)
    assert with_study.digest() == without.digest()
    assert with_study.model_dump() == without.model_dump()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": ["c6"]}, "claims.0: String should match"),
        ({"claims": ["C06", "C06"]}, "study.claims: a claim is named twice"),
        ({"margin": 0}, "study.margin: .*greater than 0"),
        ({"comparisons": [{**NAMED, "one": "gone"}]}, "comparisons names 'gone'"),
        ({"comparisons": [NAMED, {**NAMED, "one": "dmtnet-t", "other": "dmtnet-s"}]}, "twice"),
        ({"comparisons": [{**NAMED, "one": "dmtnet-t"}]}, "'dmtnet-t' and 'dmtnet-t' twice"),
        ({"unknown": 1}, "study.unknown: unknown key"),
    ],
)
def test_wrong_blocks_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        write_study_config(tmp_path / "x.yaml", study={**BLOCK, **changes})


def test_a_method_that_is_not_run_is_not_compared(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="comparisons names 'dmtnet-t', which is not run"):
        write_study_config(tmp_path / "x.yaml", not_run=["dmtnet-t"])


def test_a_study_needs_seeds(tmp_path: Path) -> None:
    assert FEWEST_SEEDS == ENOUGH_SEEDS
    with pytest.raises(ConfigError, match="a study needs repetitions: 3 or more"):
        write_study_config(tmp_path / "x.yaml", repetitions=2)
