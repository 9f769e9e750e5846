"""How a plan is printed: drawn on a terminal, tab-separated elsewhere."""

from __future__ import annotations

import pytest

from pipeline.planning.disk import DiskUse
from pipeline.planning.schedule import Schedule
from pipeline.planning.speed import Speed
from pipeline.stages.plan import RunPlan, print_plan
from pipeline.workflow.jobs import Job

LONG = "A reason that is longer than any line of a terminal " * 4
JOBS = [
    Job("train", {"method": name, "repetition": "0"}, LONG, [], [], 2, 1000, 1, 60)
    for name in ("dmtnet-b", "dmtnet-t")
]
PLAN = RunPlan(
    config="config/demo.yaml",
    jobs=JOBS,
    trainings=[],
    disk=[DiskUse("images", "data/demo", 0, 10**9)],
    free_bytes=10**12,
    images="data/demo/manifest.csv",
    windows=4,
    speed=Speed(),
    options=["--cores", "2"],
    missing_weights=["weights of IFAN: fetch them"],
    left_out={"JNB": "no code"},
    schedules=[Schedule(gpus=8, hours=36.0, critical_path_hours=30.0, idle=0.25)],
)


def test_elsewhere_tables_are_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(PLAN)
    lines = capsys.readouterr().out.splitlines()
    tables = [line.split("\t") for line in lines if "\t" in line]
    assert tables[0] == ["Rule", "Jobs", "Each asks for", "Why", "Which"]
    why = JOBS[0].why
    asks = "2 threads, 1 GPU, 1 GB, 1.0 h"
    assert tables[1] == ["train", "2", asks, why.strip(), "dmtnet-b-seed0 dmtnet-t-seed0"]
    assert tables[2:] == [
        ["What", "Where", "Present", "Total", "Missing"],
        ["images", "data/demo", "0.0 MB", "1.0 GB", "1.0 GB"],
        ["GPUs", "Hours", "Days", "GPUs idle"],
        ["8", "36.0", "1.5", "25%"],
    ]
    # Titles and notes are lines of their own, and whole.
    assert lines[0] == "2 jobs would run"
    assert "Not run: JNB (no code)" in lines
    assert "Missing: weights of IFAN: fetch them" in lines
    assert sum(line.startswith("Missing 1.0 GB, free 1,000.0 GB: enough.") for line in lines) == 1
    assert not set("".join(lines)) & set("━─│┃")


def test_on_a_terminal_they_are_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_plan(PLAN)
    out = capsys.readouterr().out
    assert "2 jobs would run" in out
    assert "\t" not in out
    assert "─" in out
