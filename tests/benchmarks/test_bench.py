"""The table of all ratios: read from the output of the benchmarks, stored, shown with limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench, goals, metrics
from benchmarks.goals import Goal
from benchmarks.pages import with_block

EMPTY = f"# Page\n\n{bench.BEGIN}\n{bench.END}\n\nMore.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where values and page are written."""
    (tmp_path / "README.md").write_text(EMPTY, encoding="utf-8")
    monkeypatch.setattr(bench, "VALUES", tmp_path / "bench.json")
    monkeypatch.setattr(bench, "PAGE", tmp_path / "README.md")
    return tmp_path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real benchmark, at a size that takes no time."""
    arguments = ("--threads", "1", "--passes", "2", "--images", "3", "--size", "40", "64")
    monkeypatch.setitem(bench.BENCHMARKS, "metrics", bench.Benchmark(arguments, goals.of_metrics))


def test_the_page_is_rendered_from_the_stored_values() -> None:
    stored = json.loads(bench.VALUES.read_text(encoding="utf-8"))
    page = bench.PAGE.read_text(encoding="utf-8")
    assert page == with_block(page, bench.BEGIN, bench.END, bench.block(stored))
    assert set(stored) <= set(bench.BENCHMARKS)


def test_a_benchmark_is_run_stored_and_shown(
    folder: Path, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    status = bench.main(["--only", "metrics"])
    stored = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    ratio, whole_set = (Goal(**values) for values in stored["metrics"]["goals"])
    assert (ratio.against, ratio.limit, ratio.unit) == ("scikit-image", metrics.RATIO, "×")
    assert (whole_set.limit, whole_set.at_least) == (metrics.LIMIT_S, False)
    assert 0 < whole_set.value < metrics.LIMIT_S
    assert status == (0 if ratio.value >= metrics.RATIO else 1)
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# Page")
    assert page.endswith("More.\n")
    assert f"| ≥ {metrics.RATIO} × | {bench.MET[ratio.met]} | `metrics` |" in page
    assert "`dmtnet` was not run." in page
    assert stored["metrics"]["machine"]["cpu"] in page
    assert "SSIM at full size" in capsys.readouterr().out
    # At the same commit, nothing is missing.
    bench.main(["--only", "metrics", "--missing"])
    assert json.loads((folder / "bench.json").read_text(encoding="utf-8")) == stored


def test_a_benchmark_that_fails_keeps_what_is_stored(
    folder: Path, tiny: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.main(["--only", "metrics"])
    before = (folder / "bench.json").read_bytes()
    broken = bench.Benchmark(("--size", "1", "1"), goals.of_metrics)
    monkeypatch.setitem(bench.BENCHMARKS, "metrics", broken)
    assert bench.main(["--only", "metrics"]) == 1
    error = capfd.readouterr().err
    assert "metrics: ended with status 2" in error
    assert "Traceback" not in error
    assert (folder / "bench.json").read_bytes() == before


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "met"),
    [(2, 2, True, True), (1.9, 2, True, False), (2, 2, False, True), (2.1, 2, False, False)],
)
def test_limits(value: float, limit: float, at_least: bool, met: bool) -> None:
    assert Goal("a", "b", value, "×", limit, at_least).met is met
    assert Goal("a", "b", value, "×").met is None


def test_shares_and_gains_of_dmtnet() -> None:
    row = {"variant": "h", "task": "forward", "share": "0.79", "ratio": "1.3", "peak_mib": "2000"}
    rows = [
        row | {"precision": "float32", "ours_ms": "300"},
        row | {"precision": "bfloat16", "ours_ms": "150"},
    ]
    found = list(goals.of_dmtnet(rows))
    assert [(round(goal.value, 3), goal.unit, goal.met) for goal in found] == [
        (79, "%", False),
        (1.3, "×", True),
        (2.097, "GB", True),
        (2, "×", True),
    ]
    # The smallest variant has no limits but for half precision and memory.
    found = list(goals.of_dmtnet([values | {"variant": "t"} for values in rows]))
    assert [goal.met for goal in found] == [None, None, True, True]


def test_a_page_without_the_block() -> None:
    with pytest.raises(ValueError, match="no block"):
        with_block("# Page\n", bench.BEGIN, bench.END, "text")


def test_every_benchmark_offers_the_output_that_is_read() -> None:
    for name, benchmark in bench.BENCHMARKS.items():
        module = (bench.REPOSITORY / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
        assert f'"{"--csv" if benchmark.csv else "--json"}"' in module, name
