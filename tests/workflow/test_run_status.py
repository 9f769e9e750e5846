"""What `dmtbench run` returns and shows on a terminal: status, messages, bars on standard error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.fixture_types import Tiny

from pipeline.workflow import run as module
from pipeline.workflow.run import run_workflow
from pipeline.workflow.stop import StopSignals

Instead = Callable[[str], None]


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instead:
    """Lets a short program run in place of Snakemake, on a terminal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()
    start = subprocess.Popen

    def program(text: str) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(
            module.subprocess,
            "Popen",
            lambda _, **options: start([sys.executable, "-c", text], **options),
        )

    return program


@pytest.mark.parametrize("status", [0, 1, 3])
def test_on_a_terminal(
    tiny: Tiny, instead: Instead, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    instead(f"print('1 of 2 steps (50%) done'); print('a message'); raise SystemExit({status})")
    assert run_workflow([], tiny.config, "1") == status
    out, err = capfd.readouterr()
    log = Path("logs", "workflow.log").read_text()
    assert log.splitlines() == ["1 of 2 steps (50%) done", "a message"]
    # Messages of a failure only; bars never on standard output.
    assert out == (log if status else "")
    assert ("The workflow stopped" in err) == bool(status)
    assert ("Everything is up to date" in err) == (not status)


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_before_anything_starts(
    tiny: Tiny, instead: Instead, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Received(StopSignals):
        def __enter__(self) -> Any:
            entered = super().__enter__()
            self.received = number  # type: ignore[assignment]
            return entered

    instead("raise SystemExit('started')")
    monkeypatch.setattr(module, "StopSignals", Received)
    monkeypatch.setattr(module.subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    assert run_workflow([], tiny.config, "1") == 128 + number
