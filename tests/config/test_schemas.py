"""Schemas of configuration files: they accept what can be used, and editors find them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from support.paths import CONFIG, DOCS, TINY

from pipeline.config.schemas import configuration_schemas

SCHEMAS = configuration_schemas()
SHARED = {"methods.yaml": "MethodList", "recipes.yaml": "Recipes", "tolerances.yaml": "Tolerances"}
FILES = sorted(CONFIG.glob("*.yaml"))


def problems(kind: str, data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMAS[kind])
    return [error.message for error in validator.iter_errors(data)]


@pytest.mark.parametrize("path", [*FILES, TINY], ids=lambda path: path.name)
def test_every_file_fits_its_schema(path: Path) -> None:
    kind = SHARED.get(path.name, "Experiment")
    assert problems(kind, yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_names_its_schema(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    target = (path.parent / first.partition("=")[2]).resolve()
    assert target.parent == DOCS / "schemas"
    assert json.loads(target.read_text())["title"] == SHARED.get(path.name, "Experiment")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schemas_are_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize(
    "own",
    [
        {"dataset": {"root": "data/mine"}},
        {"recipes": {"mine": {"extends": "dmtnet", "schedule": {"warmup_epochs": 2}}}},
        {"weights": {"ifan": "official", "kpac": {"file": "kpac.npz", "key": "model"}}},
        {"not_run": {"jnb": "too slow"}},
        {"companion": None, "study": {"claims": ["C01"], "margin": 0.1}},
    ],
)
def test_parts_of_an_experiment_fit(own: dict[str, Any]) -> None:
    assert problems("Experiment", {"extends": "demo.yaml", **own}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"datset": {}},
        {"dataset": {"rot": "data/mine"}},
        {"dataset": {"kind": "cannon"}},
        {"recipes": {"dmtnet": {"optimizer": "sgd"}}},
        {"recipes": {"dmtnet": {"schedule": {"warmup": 2}}}},
        {"compute": {"gpus_per_run": 0}},
        {"pins": {}},
        {"weights": {"ifan": 1}},
    ],
)
def test_mistakes_do_not_fit(wrong: dict[str, Any]) -> None:
    assert problems("Experiment", {"extends": "demo.yaml", **wrong})
