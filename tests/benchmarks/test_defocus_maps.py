"""What the benchmark of defocus maps measures, and what it lets pass."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.defocus_maps import Row, map_errors, show, within
from benchmarks.two_plane import seam_map

REFERENCE = {"all": 0.1, "edges_%": 4.0}


@pytest.mark.parametrize(
    ("error", "share", "missed"),
    [
        (0.12, 4.07, []),
        (0.0, 3.93, []),
        (0.13, 4.0, ["all"]),
        (0.1, 4.1, ["edges_%"]),
        (0.1, 3.9, ["edges_%"]),
        (float("nan"), 4.0, ["all"]),
    ],
)
def test_what_passes(
    error: float, share: float, missed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"all": error, "edges_%": share}
    assert list(within(figures, REFERENCE)) == missed
    assert show(Row("scene", figures, REFERENCE, 1.0)) == (not missed)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"scene (1.0 s): {'MISS ' + missed[0] if missed else 'ok'}"


def test_errors_by_region() -> None:
    true = seam_map(np.zeros((3, 101, 3)), 1.0, 2.0)
    found = true.copy()
    found[:, 49] += 0.5
    found[:, 100] -= 1.0
    errors = map_errors(found, true)
    assert errors == pytest.approx(
        {
            "all": 1.5 / 101,
            "left": 0.5 / 50,
            "right": 1 / 51,
            "far": 1 / 42,
            "median_left": 1,
            "median_right": 2,
        }
    )
