"""No package changes the numbers it makes without raising its `RESULTS_VERSION`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support import results

from pipeline.data.sampling import sampler
from pipeline.results_versions import results_versions

GOLDEN = json.loads(results.FILE.read_text())


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def check(package: str, folder: Path) -> None:
    golden, (version,) = GOLDEN[package], results_versions(package).values()
    renew = "then renew the golden results, see tests/support/results.py"
    assert golden["version"] == version, f"{package}: RESULTS_VERSION was raised; {renew}"
    found, expected = results.MAKERS[package](folder), golden["result"]
    exact = isinstance(expected, str)
    same = found == expected if exact else found == pytest.approx(expected, rel=1e-5)
    assert same, f"{package}: results change: raise it (RESULTS_VERSION), {renew}"


def test_every_package_with_a_version_has_golden_results() -> None:
    assert set(results.MAKERS) == set(GOLDEN) == set(results_versions())


@pytest.mark.parametrize("package", results.MAKERS)
def test_results_are_those_of_the_version(package: str, tmp_path: Path) -> None:
    check(package, tmp_path)


def test_a_change_of_results_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    derive = sampler.derive_seed
    monkeypatch.setattr(sampler, "derive_seed", lambda *parts: derive(*parts) + 1)
    with pytest.raises(AssertionError, match="results change: raise it"):
        check("pipeline.data.sampling", tmp_path)
