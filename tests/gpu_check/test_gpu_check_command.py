"""The command: parts in processes of their own, each within its time, and a page at any end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.fixture_types import Run
from support.paths import REPOSITORY

from pipeline.gpu_check import children
from pipeline.gpu_check.children import describe, run_part
from pipeline.gpu_check.page import page
from pipeline.gpu_check.parts import PARTS
from pipeline.gpu_check.rows import Report
from pipeline.stages.gpu_check import share_of

ROW = {"name": "a", "kind": "convolution", "precision": "float32", "layout": "", "flop_per_s": 1.0}
PLANNED = {"names": ["a", "b"]}
MACHINE = {"kind": "cpu", "name": "Test CPU", "memory_bytes": None, "capability": None, "gpus": 0}


def sends(*messages: tuple[str, Any]) -> str:
    """Lines of Python that send messages as a part does."""
    lines = [
        f"print({f'{kind}{chr(9)}{json.dumps(data)}'!r}, flush=True)" for kind, data in messages
    ]
    return "\n".join(lines)


USUAL = sends(("planned", PLANNED), ("row", ROW))
BODIES = {
    "machine": sends(("machine", {**MACHINE, "versions": {}})),
    "rates": USUAL,
    "attention": "raise ValueError('in /home/someone/secret/file')",
    "determinism": f"{sends(('planned', PLANNED))}\nimport os; os.kill(os.getpid(), 9)",
    "feed": sends(("skipped", {"reason": "no disk"})),
    "tests": f"{sends(('planned', PLANNED))}\nimport time; time.sleep(60)",
    "kill": f"{sends(('planned', PLANNED))}\nprint('why', file=sys.stderr); sys.exit(1)",
    "processes": "",
    "speed": "",
}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the programs of the parts; the folder of the test becomes the current one."""
    program = tmp_path / "fake_part.py"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{REPOSITORY}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(children, "_MODULE", "fake_part")

    def write(**bodies: str) -> None:
        program.write_text(f"import sys\nexec({BODIES | bodies!r}[sys.argv[1]])\n")

    write()
    return write


def written(path: Path) -> Report:
    """The report beside a page, which is what the page shows."""
    report = Report.model_validate_json(path.with_suffix(".json").read_text())
    assert path.read_text() == page(report)
    return report


@pytest.mark.usefixtures("fake")
def test_a_part_that_fails_stops_nothing_else(run: Run, tmp_path: Path) -> None:
    done = run("gpu-check", "--budget", "30s", "--output", "page.md")
    assert done.code == 1
    report = written(tmp_path / "page.md")
    ends = {name: getattr(report.parts, name) for name in PARTS}
    assert {name: end.outcome for name, end in ends.items()} == {
        **dict.fromkeys(("rates", "processes", "speed"), "done"),
        **dict.fromkeys(("attention", "determinism", "kill"), "failed"),
        "feed": "skipped",
        "tests": "out of time",
    }
    assert report.parts.rates is not None
    assert report.parts.rates.rows[0].flop_per_s == 1
    assert ends["rates"].missing == ["b"]
    assert ends["attention"].reason == "ValueError: in .../file"
    assert "signal 9" in ends["determinism"].reason
    assert ends["kill"].reason == "why"
    assert ends["feed"].reason == "no disk"
    assert ends["tests"].missing == ["a", "b"]
    assert done.err[0].startswith("no GPU is visible: CPU mode")
    assert done.err[-1].startswith("error: page.md: failed: attention, determinism, kill;")
    everything = (tmp_path / "page.md").read_text() + (tmp_path / "page.json").read_text()
    assert "someone" not in everything
    assert str(tmp_path) not in everything


@pytest.mark.usefixtures("fake")
def test_the_budget_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    done = run(
        "gpu-check", "--device", "cpu", "--budget", "12s", "--only", "tests", "--only", "speed"
    )
    assert done.code == 0
    assert done.out == ["reports/gpu-check-cpu.md"]
    report = written(tmp_path / "reports" / "gpu-check-cpu.md")
    assert report.parts.rates is None
    assert report.parts.tests is not None
    assert report.parts.tests.outcome == "out of time"
    assert report.seconds < 20
    assert "Not measured" not in page(report)


@pytest.mark.usefixtures("fake")
def test_no_time_at_all(run: Run, tmp_path: Path) -> None:
    assert run("gpu-check", "--device", "cpu", "--budget", "1s").code == 0
    report = written(tmp_path / "reports" / "gpu-check-cpu.md")
    assert all(getattr(report.parts, name).outcome == "not started" for name in PARTS)


def test_what_one_part_leaves_over_goes_to_the_next() -> None:
    *others, last = PARTS.values()
    left = 600.0
    for part in others:
        share = share_of(part, [part, last], left)
        # Enough to start PyTorch, even if every part before took all its time.
        assert 30 < share < left / 2
        left -= share
    assert share_of(last, [last], left) == left > 90
    assert share_of(others[0], others[:1], 600.0) == 600


def test_findings_make_the_command_fail(run: Run, fake: Callable[..., None]) -> None:
    counts = {"name": "t", "passed": 1, "failed": 2, "skipped": 0}
    drill = {"name": "d", "signals": 3, "identical": False, "summary": "DIFFERENT"}
    fake(tests=sends(("row", counts)), kill=sends(("row", drill)))
    done = run("gpu-check", "--only", "tests", "--only", "kill", "--output", "page.md")
    assert done.code == 1
    assert "2 tests failed; a killed training differs from an uninterrupted one" in done.err[-1]


def test_gpus_are_held_by_the_parts_that_need_them(
    run: Run, fake: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    see = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], file=open(sys.argv[1], 'w'))"
    machine = {**MACHINE, "kind": "cuda", "name": "Test GPU (2)", "gpus": 3, "versions": {}}
    fake(**dict.fromkeys(PARTS, see), machine=sends(("machine", machine)))
    assert run("gpu-check", "--budget", "5m").out == ["docs/gpu-test-gpu-2.md"]
    seen = {name: (tmp_path / name).read_text().strip().split(",") for name in PARTS}
    # What takes GPUs for itself must see all of them, and find them free.
    assert {name: len(names) for name, names in seen.items()} == {
        **dict.fromkeys(("rates", "attention", "determinism", "feed", "speed"), 1),
        **dict.fromkeys(("tests", "kill"), 3),
        "processes": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "everything"], "unknown part 'everything'; known: rates, attention"),
        (["--budget", "soon"], "'soon' is not a duration"),
        (["--output", "page.json"], "page.json: the page is Markdown"),
    ],
)
def test_mistakes(run: Run, arguments: list[str], message: str) -> None:
    done = run("gpu-check", *arguments)
    assert done.code == 1
    assert done.out == []
    (line,) = done.err
    assert line.startswith("error: ")
    assert message in line


def test_no_cuda_device(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = run("gpu-check", "--device", "cuda")
    assert done.code == 1
    assert done.err == [
        "error: no CUDA device is visible to PyTorch; install a driver and a CUDA build of it, or "
        "use --device cpu"
    ]
    assert not (tmp_path / "docs").exists()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_there_is(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["gpu-check", "--device", "cpu", "--budget", "10m"]
    # Jobs in the background ignore SIGINT; the programs of the parts are those of the fixture.
    start = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pipeline.gpu_check import children; children._MODULE = 'fake_part'\n"
        "from pipeline.cli import main; sys.argv = ['dmtbench', *sys.argv[1:]]; main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", start, *arguments], cwd=tmp_path)
    try:
        # The part of the tests sleeps.
        log = tmp_path / "logs" / "gpu-check-tests.log"
        until = time.monotonic() + 60
        while not log.exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(number)
        assert process.wait(30) == 130
    finally:
        process.kill()
    assert not any(child.is_running() for child in started)
    report = written(tmp_path / "reports" / "gpu-check-cpu.md")
    assert report.parts.rates is not None
    assert report.parts.rates.rows
    assert report.parts.tests is not None
    assert report.parts.tests.outcome == "interrupted"
    assert report.parts.speed is not None
    assert report.parts.speed.outcome == "not started"


def test_a_real_part_in_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    assert describe("cpu", tmp_path / "machine.log").versions["torch"]
    seen: list[tuple[int, int]] = []
    ended = run_part(
        "rates",
        "cpu",
        limit_s=300,
        log=tmp_path / "logs" / "rates.log",
        on_row=lambda done, planned: seen.append((done, planned)),
    )
    assert (ended.outcome, ended.reason) == ("done", "")
    assert [row["name"] for row in ended.rows] == ended.planned
    assert seen == [(number, 4) for number in range(5)]
