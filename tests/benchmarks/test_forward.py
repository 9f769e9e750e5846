"""The benchmark of forward passes, on two narrow networks."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.fixture_types import Tiny

from benchmarks import forward
from benchmarks.forward import default_methods, macs_of, rows_of
from benchmarks.forward_process import Forward, forward_in_process
from pipeline.config.experiment import load_experiment

NARROW: dict[str, dict[str, Any]] = {
    "narrow-unet": {"module": "baselines.dpdnet", "row": "a", "kwargs": {"width": 4}},
    "narrow-kpac": {"module": "baselines.kpac", "row": "b", "kwargs": {"width": 12}},
}
BROKEN = """
from torch import nn
VIEWS, CITATION, LICENCE, INPUT_BITS = ("left",), "-", "-", 16
class Broken(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * float("inf")
def build():
    return Broken(3, 3, 1)
"""


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    data = yaml.safe_load(tiny.config.read_text())
    data["methods"] = {**NARROW, "broken": {"module": "broken_net", "row": "c"}}
    path = tmp_path / "narrow.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the benchmark; returns its exit status, output and error output."""

    def done(*arguments: object) -> tuple[object, str, str]:
        options = ["--config", config, "--cache", config.parent / "sizes"]
        monkeypatch.setattr(sys, "argv", ["forward", *map(str, (*arguments, *options))])
        status: object = 0
        try:
            forward.main()
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return done


def test_two_narrow_networks(run: Run, config: Path, tmp_path: Path) -> None:
    table = tmp_path / "forward.csv"
    options = ["--size", 64, "--passes", 2, "--threads", 1, "--csv", table]
    status, out, err = run(*NARROW, *options)
    assert not status
    expected = ["[1/2] narrow-unet at 64x64", "[2/2] narrow-kpac at 64x64"]
    assert [line.partition(":")[0] for line in err.splitlines()[::2]] == expected
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    experiment = load_experiment(config)
    assert [row.pop("method") for row in rows] == list(NARROW)
    for name, row in zip(NARROW, rows, strict=True):
        found = {key: float(value) for key, value in row.items()}
        assert [found[key] for key in ("height", "width", "threads", "passes")] == [64, 64, 1, 2]
        macs = macs_of(name, (64, 64), experiment, tmp_path / "sizes")
        assert found["gflop"] == pytest.approx(2e-9 * macs)
        assert found["gflop_per_s"] == pytest.approx(1e3 * found["gflop"] / found["milliseconds"])
        assert found["cores"] > 0
        assert found["share"] * found["convolution_gflop_per_s"] == pytest.approx(
            found["gflop_per_s"]
        )
        assert found["convolution_gflop_per_s"] > 1
        # A pass holds at least the image that it makes.
        assert found["peak_mib"] > 3 * 64 * 64 * 4 / 2**20
        assert name in out
    assert "share: of the best 3x3 convolution" in out


def test_memory_is_that_of_the_pass(config: Path) -> None:
    small, large = (
        forward_in_process("narrow-unet", (side, side), config=config) for side in (64, 1024)
    )
    assert not small.convolutions
    assert len(small.seconds) == 1
    # Four channels of 1024 x 1024 float32 are 16 MiB; code that is loaded takes some MiB.
    assert large.peak_mib - large.before_mib > 48 > small.peak_mib - small.before_mib


def test_a_network_that_fails_does_not_stop_the_others(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "forward.csv"
    (tmp_path / "broken_net.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    status, out, err = run("broken", "narrow-unet", "--size", 32, "--passes", 1, "--csv", table)
    assert status == 1
    assert "error: broken at 32x32: ended with status 1 (" in err
    assert "not finite)" in err
    assert "narrow-unet" in out
    assert "broken" not in out
    assert [line.split(",")[0] for line in table.read_text().splitlines()[1:]] == ["narrow-unet"]


def test_an_unknown_network(run: Run) -> None:
    status, _, err = run("nothing")
    assert str(status).startswith("error: unknown method 'nothing'; known: ")
    assert not err


def test_the_rate_is_of_the_median_of_the_warm_passes() -> None:
    found = [
        ("a", (8, 8), 5 * 10**9, Forward([9, 1, 5, 2], [9, 1, 3, 2], [0.5, 0.1], 100, 140)),
        ("b", (8, 8), 10**9, Forward([4], [6], [], 10, 11)),
    ]
    a, b = rows_of(found, threads=1)
    best = 2e-9 * 64 * 64 * 9 * 256 * 256 / 0.1
    assert (a.passes, a.milliseconds, a.gflop, a.gflop_per_s) == (3, 2000, 10, 5)
    assert (a.cores, b.cores) == (0.75, 1.5)
    assert a.share == pytest.approx(5 / best)
    assert a.peak_mib == 40
    assert (b.passes, b.milliseconds, b.gflop_per_s) == (1, 4000, 0.5)
    assert b.convolution_gflop_per_s == pytest.approx(best)


def test_the_networks_of_the_list() -> None:
    names = default_methods(None)
    assert {"dmtnet-t", "dmtnet-b", "dmtnet-h", "kpac", "mrnet"} <= set(names)
    assert not {"dmtnet-s", "dmtnet-l", "input", "unsharp"} & set(names)


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        forward.parse(["--help"])
    assert not end.value.code
    assert "python -m benchmarks.forward kpac restormer" in capsys.readouterr().out
