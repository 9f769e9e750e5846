"""Signals to `dmtbench run` reach Snakemake and its jobs, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.workflow import stop
from pipeline.workflow.stop import StopSignals

# Like Snakemake: after SIGTERM it starts no more jobs, waits for those that run, and tidies up.
SNAKEMAKE = """
import os, signal, subprocess, sys
from pathlib import Path
from pipeline.workflow.owner import mark_jobs
mark_jobs()
def noted(*_):
    Path("asked").touch()
signal.signal(signal.SIGTERM, noted)
job = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
status = job.wait()
Path("job").write_text(f"{status} {Path('asked').exists()}")
if len(sys.argv) > 2:
    signal.pause()
sys.exit(1)
"""
JOB = "import time; print('ready', flush=True); time.sleep(300)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {JOB}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stopped(number: signal.Signals, *arguments: str, times: int = 1) -> tuple[int, int]:
    """Statuses of the run and of Snakemake after this signal, sent once a job runs."""
    command = [sys.executable, "-c", SNAKEMAKE, *arguments]
    with (
        StopSignals() as signals,
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert signals.wait(process, 0.01) is None
        for _ in range(times):
            os.kill(os.getpid(), number)
        while signals.wait(process, 0.1) is None:
            pass
        return signals.status(process), process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_snakemake_is_asked_first_and_then_its_jobs(number: signal.Signals) -> None:
    # Whoever runs the tests in the background may have them ignore SIGINT.
    inherited = signal.signal(number, signal.SIG_DFL)
    try:
        assert stopped(number, JOB) == (128 + number, 1)
        assert Path("job").read_text() == f"{-signal.SIGTERM} True"
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_a_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "PATIENCE_S", 1000.0)
    assert stopped(signal.SIGTERM, STUBBORN, times=2) == (143, 1)
    assert Path("job").read_text() == f"{-signal.SIGKILL} True"


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "PATIENCE_S", 0.5)
    assert stopped(signal.SIGTERM, STUBBORN) == (143, 1)


def test_a_snakemake_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "_UNLOCK_S", 0.6)
    assert stopped(signal.SIGTERM, JOB, "hangs") == (143, -signal.SIGKILL)


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 3)])
def test_the_status_without_a_signal(code: int, expected: int) -> None:
    with subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) as process:
        assert StopSignals().status(process) == expected


def test_a_killed_snakemake_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    with subprocess.Popen(command) as process:
        assert StopSignals().status(process) == 137
    assert "Snakemake was ended by SIGKILL; run the command again" in capsys.readouterr().err
