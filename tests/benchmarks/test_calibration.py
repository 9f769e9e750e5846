"""The other ways to score: their stored values, and the page that shows them."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from benchmarks import calibration
from benchmarks.calibration_calls import CALLS, METRICS, Call, ours

STORED = json.loads(calibration.VALUES.read_text(encoding="utf-8"))
OWN = [call for call in CALLS if not call.package]


def test_the_page_is_rendered_from_the_stored_values() -> None:
    page = calibration.PAGE.read_text(encoding="utf-8")
    assert page == calibration.written(page, calibration.block(STORED))
    # Rendering depends on the values.
    other = json.loads(json.dumps(STORED))
    other["values"]["Gaussian window"]["indoor"]["ssim"] += 0.5
    assert calibration.written(page, calibration.block(other)) != page


def test_every_way_has_a_reason_and_is_stored_for_every_pair() -> None:
    assert len({call.name for call in CALLS}) == len(CALLS) == len(STORED["values"]) - 1
    for call in CALLS:
        assert call.reason
        assert call.who
        assert set(STORED["values"][call.name]) == set(calibration.PARTS)
        assert not call.package or call.package in STORED["versions"]


@pytest.mark.parametrize("call", OWN, ids=lambda call: call.name)
def test_stored_values_are_those_of_the_call(call: Call) -> None:
    for name, pair in calibration.stored_pairs().items():
        # Other CPUs may round sums of float32 otherwise.
        close = pytest.approx(STORED["values"][call.name][name], rel=1e-6)
        assert dict(call.score(pair)) == close


def test_the_first_way_is_ours() -> None:
    for name, pair in calibration.stored_pairs().items():
        known = STORED["values"]["ours"][name]
        assert dict(ours(*pair.images)) == pytest.approx(known, rel=0, abs=1e-9)
        assert dict(CALLS[0].score(pair)) == pytest.approx(known, rel=0, abs=1e-9)
        assert set(known) == set(METRICS)


@pytest.mark.parametrize("package", calibration.PACKAGES)
def test_packages_still_give_these_values(package: str) -> None:
    pytest.importorskip(package)
    if version(package) != STORED["versions"][package]:
        pytest.skip(f"{package} has another version than the stored values")
    for call in (call for call in CALLS if call.package == package):
        for name, pair in calibration.stored_pairs().items():
            known = STORED["values"][call.name][name]
            assert dict(call.score(pair)) == pytest.approx(known, rel=1e-9)


def test_values_of_absent_packages_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_version", lambda package: None)
    pairs = list(calibration.stored_pairs().values())
    measured = calibration.measure(pairs, STORED)
    assert set(measured["values"]) == set(STORED["values"])
    for call in CALLS:
        if call.package:
            assert measured["values"][call.name] == STORED["values"][call.name]
    assert measured["versions"] == {**STORED["versions"], "scikit-image": version("scikit-image")}
    assert len(measured["demo"]["input"]) == len(pairs)
