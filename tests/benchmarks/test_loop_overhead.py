"""The benchmark of the training loop's overhead runs, and its shares add up."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from benchmarks import loop_overhead


def test_a_tiny_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "loop.csv"
    monkeypatch.setattr(loop_overhead, "SCENES", 1)
    options = ["--variants", "t", "--steps", "2", "--batch", "2", "--crop", "16", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["loop_overhead", *options, "--csv", str(table)])
    loop_overhead.main()
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["precision"] for row in rows] == ["float32", "bfloat16"]
    for row in rows:
        parts = {
            name: float(row[name]) for name in ("data", "logging", "checks", "state", "overhead")
        }
        whole = parts.pop("overhead")
        assert whole == pytest.approx(sum(parts.values()))
        del parts["checks"]  # A difference of times: noise can make it negative.
        assert min(parts.values()) > 0
    assert "limit 2%" in capsys.readouterr().out


def test_the_first_steps_do_not_count() -> None:
    taken: list[int] = []

    class Quiet:
        def step(self, step: object, total: int) -> None:
            pass

    turns = loop_overhead.AlternatingSteps(Quiet(), lambda: taken.append(0), 3)  # type: ignore[arg-type]
    for _ in range(3):
        turns.step(None, 0)  # type: ignore[arg-type]
    with pytest.raises(loop_overhead.StopTraining):
        turns.step(None, 0)  # type: ignore[arg-type]
    assert len(taken) == len(turns.loop_s) == len(turns.bare_s) == 4
