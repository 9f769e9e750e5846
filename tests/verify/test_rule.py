"""The rule behind verdicts, on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factories import result

from pipeline.config.tolerances import Tolerance
from pipeline.verdicts import Zone, depends_on_seed, judge, zone_around

VALUES = st.lists(st.floats(20, 30), min_size=1, max_size=6)


def verdict(values: list[float], zone: Zone, **more: Any) -> str:
    return judge(values, zone, **{"seeded": True, "higher_is_better": True, **more}).verdict


def tolerance(spread: float | str = "unknown") -> Tolerance:
    part = {"reason": "a test"}
    return Tolerance.model_validate(
        {
            "rounding": {"value": 0.005, **part},
            "protocol": {"value": 0.01, **part},
            "seed_spread": {"value": spread, **part},
        }
    )


ZONE = Zone(26.615, 26.645)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([26.63, 26.631, 26.629], "reproduced"),
        ([26.9, 26.91, 26.92], "differs (better)"),
        ([26.1, 26.11, 26.12], "differs (worse)"),
        ([26.5, 26.63, 26.7], "inconclusive"),
        # The mean lies inside: that alone shows nothing.
        ([26.3, 26.63, 26.96], "inconclusive"),
        # One training, wherever it lies.
        ([26.63], "inconclusive"),
        ([20.0], "inconclusive"),
        ([20.0, 20.01], "inconclusive"),
    ],
)
def test_verdicts_over_seeds(values: list[float], expected: str) -> None:
    assert verdict(values, ZONE) == expected


def test_a_mean_certainly_outside_is_no_difference_while_one_run_may_lie_inside() -> None:
    values = list(26.8 + 0.1 * np.linspace(-1.5, 1.5, 12))
    half = 2.201 * np.std(values, ddof=1) / np.sqrt(12)
    assert np.mean(values) - half > ZONE.high
    assert verdict(values, ZONE) == "inconclusive"
    # With the spread of the published run in the zone, the interval of the mean decides.
    assert verdict(values, Zone(ZONE.low, ZONE.high, 0.1)) == "differs (better)"


@pytest.mark.parametrize(("value", "expected"), [(26.64, "reproduced"), (26.7, "differs (better)")])
def test_one_value_decides_where_no_seed_plays_a_part(value: float, expected: str) -> None:
    assert verdict([value], ZONE, seeded=False) == expected


def test_a_known_spread_decides_on_one_seed() -> None:
    zone = zone_around(26.63, tolerance(0.1), seeded=True)
    assert zone.half == pytest.approx(0.015 + 1.959964 * 0.1)
    assert verdict([26.63], zone) == "reproduced"
    assert verdict([26.75], zone) == "inconclusive"
    assert verdict([26.2], zone) == "differs (worse)"


def test_the_spread_of_seeds_plays_no_part_without_seeds() -> None:
    assert zone_around(26.63, tolerance(0.1), seeded=False).half == pytest.approx(0.015)
    unknown = zone_around(26.63, tolerance(), seeded=True)
    assert (unknown.half, unknown.spread) == (pytest.approx(0.015), None)


@given(VALUES, st.floats(20, 30), st.floats(0.001, 1), st.booleans())
def test_the_mirror_image_has_the_mirrored_verdict(
    values: list[float], middle: float, half: float, seeded: bool
) -> None:
    zone, mirrored = Zone(middle - half, middle + half), Zone(-middle - half, -middle + half)
    found = verdict(values, zone, seeded=seeded)
    other = verdict([-value for value in values], mirrored, seeded=seeded)
    swapped = {"differs (better)": "differs (worse)", "differs (worse)": "differs (better)"}
    assert other == swapped.get(found, found)
    down = verdict(values, zone, seeded=seeded, higher_is_better=False)
    assert down == swapped.get(found, found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"label": "surrogate"}, True),
        ({"label": "official weights"}, False),
        ({"kind": "control"}, False),
        ({"kind": "two-stage classical"}, False),
    ],
)
def test_what_depends_on_a_seed(changes: dict[str, Any], expected: bool) -> None:
    assert depends_on_seed(result(**changes)) is expected
