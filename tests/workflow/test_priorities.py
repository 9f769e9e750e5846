"""The order of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.changed import changed_config
from support.fixture_types import Tiny

from pipeline.errors import ConfigError
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.priorities import COSTS, Priorities

SECONDS = {"train dmtnet-h": 400.0, "complexity": 200.0, "train dmtnet-b": 300.0, "train input": 1}


def test_the_first_result_then_the_longest_jobs(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COSTS, json.dumps(SECONDS))
    order = Priorities(Workflow(changed_config(tmp_path, tiny, {"first": "dmtnet-s"})))
    jobs = [
        *(("data", None), ("store", None), ("patches", None)),
        *(("train", "dmtnet-s"), ("evaluate", "dmtnet-s")),
        *(("train", "dmtnet-h"), ("train", "dmtnet-b"), ("complexity", None), ("train", "input")),
        *(("train", "dmtnet-t"), ("evaluate", "dmtnet-h")),
    ]
    found = [
        order.priority(rule)(SimpleNamespace(**({"method": method} if method else {})))
        for rule, method in jobs
    ]
    assert found == [6, 6, 6, 5, 5, 4, 3, 2, 1, 0, 0]


@pytest.mark.parametrize("text", ["", "[", "[]", "3", '{"a": "x"}', '{"a": null}'])
def test_without_costs_only_what_is_first_is_known(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(COSTS, text)
    order = Priorities(Workflow(changed_config(tmp_path, tiny, {"first": "dmtnet-s"})))
    train = order.priority("train")
    methods = ("dmtnet-s", "dmtnet-h", "dmtnet-b")
    assert [train(SimpleNamespace(method=name)) for name in methods] == [1, 0, 0]


def test_the_first_method_must_exist(tmp_path: Path, tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match="first names unknown method 'dmtnet-z'"):
        Workflow(changed_config(tmp_path, tiny, {"first": "dmtnet-z"}))


def test_the_order_changes_no_digest(tmp_path: Path, tiny: Tiny) -> None:
    changed = Workflow(changed_config(tmp_path, tiny, {"first": "dmtnet-s"})).experiment
    assert changed.first == "dmtnet-s"
    plain = Workflow(changed_config(tmp_path, tiny, {})).experiment
    assert changed.digest() == plain.digest()
