"""A run: everything that follows from experiment, method and repetition."""

from __future__ import annotations

import json
import math

import pytest
from support.paths import CONFIG

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError
from pipeline.evaluation.metrics.psnr import psnr_from_mse
from pipeline.run import Run
from pipeline.seeds import derive_seed

DEMO = load_experiment(CONFIG / "demo.yaml")
SUMS = {"data": "d", "windows": "w", "companion": None}


def test_what_the_experiment_says_of_the_method() -> None:
    run = Run.of(DEMO, "dmtnet-b-fixed", 1)
    assert run.kwargs == DEMO.trained_kwargs("dmtnet-b-fixed")
    assert run.recipe == DEMO.recipe_of("dmtnet-b-fixed")
    assert not run.needs_companion
    assert (run.label, Run.of(DEMO, "input").recipe) == ("demo", None)


def test_an_unknown_method() -> None:
    with pytest.raises(ConfigError, match="unknown method 'dmtnet-z'"):
        Run.of(DEMO, "dmtnet-z")


def test_seeds_depend_on_experiment_purpose_and_repetition() -> None:
    run = Run.of(DEMO, "dmtnet-b", 2)
    assert run.training_seeds == {
        "data": derive_seed(DEMO.seed, "data", 2),
        "init/dmtnet-b": derive_seed(DEMO.seed, "init/dmtnet-b", 2),
    }
    assert run.init_seed == run.training_seeds["init/dmtnet-b"]
    assert run.seed("data") != Run.of(DEMO, "dmtnet-b", 3).seed("data")


def test_the_fingerprint_tells_trainings_apart() -> None:
    run = Run.of(DEMO, "dmtnet-b")
    first = run.fingerprint(**SUMS)
    assert json.loads(json.dumps(first))["method"] == "dmtnet-b"
    assert first == Run.of(DEMO, "dmtnet-b").fingerprint(**SUMS)
    others = [
        Run.of(DEMO, "dmtnet-b", 1).fingerprint(**SUMS),
        Run.of(DEMO, "dmtnet-t").fingerprint(**SUMS),
        run.fingerprint(**{**SUMS, "companion": "c"}),
    ]
    assert all(other != first for other in others)


def test_psnr_of_an_error_has_a_ceiling() -> None:
    assert psnr_from_mse(0.003) == -10 * math.log10(0.003)
    assert psnr_from_mse(0.0) == psnr_from_mse(1e-11) == 100
    assert math.isnan(psnr_from_mse(math.nan))
