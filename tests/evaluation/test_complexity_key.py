"""What a counted size depends on: each part alone makes another key, and another count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config.methods import MethodEntry
from pipeline.evaluation import complexity
from pipeline.evaluation.complexity import complexity_key, count_complexity
from pipeline.methods import Method, get_method

ENTRY = MethodEntry(module="dmtnet", row="X", kwargs={"variant": "t"})


def key(name: str = "x", size: tuple[int, int] = (32, 48), **changes: Any) -> str:
    return complexity_key(Method(name, ENTRY.model_copy(update=changes)), size)


def edited(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """As if the code of this module had changed."""
    real = complexity.source_hash

    def other(name: str) -> str:
        return "edited" if name == module else real(name)

    monkeypatch.setattr(complexity, "source_hash", other)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "y"},
        {"row": "Y"},
        {"module": "baselines.dpdnet"},
        {"kwargs": {"variant": "s"}},
        {"size": (48, 32)},
        {"size": (32, 49)},
    ],
)
def test_every_part_of_a_method_counts(changes: dict[str, Any]) -> None:
    assert key(**changes) != key() == key()


@pytest.mark.parametrize("counter", ["complexity", "flops_fvcore", "flops_hooks"])
def test_the_code_of_the_counters_counts(monkeypatch: pytest.MonkeyPatch, counter: str) -> None:
    before = key()
    edited(monkeypatch, f"pipeline.evaluation.{counter}")
    assert key() != before


def test_versions_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {key()}
    real = complexity.version
    for package in ("torch", "fvcore"):
        with monkeypatch.context() as patch:
            patch.setattr(complexity, "version", lambda n, p=package: "0" if n == p else real(n))
            found.add(key())
    with monkeypatch.context() as patch:
        patch.setattr(complexity, "PYTHON", "2.7")
        found.add(key())
    assert len(found) == 4


def test_a_record_of_other_counters_is_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = get_method("input")
    old = count_complexity(method, (32, 48), tmp_path)
    edited(monkeypatch, "pipeline.evaluation.flops_hooks")
    new = count_complexity(method, (32, 48), tmp_path)
    assert new.key != old.key
    assert new.key == complexity_key(method, (32, 48))


@pytest.mark.parametrize(("name", "surrogate"), [("mrnet", True), ("input", False)])
def test_a_count_says_whether_it_is_of_a_surrogate(name: str, surrogate: bool) -> None:
    entry = get_method(name).entry
    small = {"channels": 8, "num_msrgm": 1, "num_rbm": 1, "num_rm": 1}
    kwargs = small if surrogate else entry.kwargs
    method = Method(name, entry.model_copy(update={"kwargs": kwargs}))
    assert count_complexity(method, (64, 64)).surrogate == surrogate
