"""Signals, limits of time, and one trainer at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, UserError
from pipeline.training import run_lock, stop
from pipeline.training.run_lock import STALE_S, RunLock
from pipeline.training.stop import StopRequest, duration

SPAWN = multiprocessing.get_context("spawn")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3h50m", 13800), ("90s", 90), ("1d2h", 93600), (" 45m ", 2700), ("1d1h1m1s", 90061)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "3", "h", "50m3h", "-1h", "1.5h", "3h 50m"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration; write it like 3h50m"):
        duration(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_reason(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with StopRequest() as request:
        assert request.reason == ""
        os.kill(os.getpid(), number)
        assert request.reason == number.name
    assert signal.getsignal(number) == before
    assert f"{number.name}: stopping after this step" in capsys.readouterr().err


def test_a_second_interrupt_is_heard() -> None:
    with StopRequest() as request:
        os.kill(os.getpid(), signal.SIGINT)
        assert request.reason == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_limit_leaves_time_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(stop.time, "monotonic", lambda: now[0])
    request = StopRequest(60)
    now[0] = 155
    assert request.reason == ""
    request.note_save(4)
    request.note_save(1)
    assert request.reason == "the time limit"
    now[0] = 151
    assert request.reason == ""
    now[0] = 161
    assert StopRequest(None).reason == ""


def hold(folder: Path, reports: Connection) -> None:
    with RunLock(folder):
        reports.send("held")
        time.sleep(60)


def holder(folder: Path) -> multiprocessing.process.BaseProcess:
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=hold, args=(folder, there))
    process.start()
    assert here.poll(60)
    return process


def test_a_second_trainer_is_refused_until_the_first_is_dead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = holder(tmp_path)
    try:
        owner = rf"process {process.pid} on {socket.gethostname()}, for \d+ s"
        with pytest.raises(UserError, match=f"is being run by {owner}; wait"), RunLock(tmp_path):
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with RunLock(tmp_path):
            assert json.loads((tmp_path / "owner.json").read_text())["pid"] == os.getpid()
        assert "ended without releasing the lock; resuming" in capsys.readouterr().err
        assert not (tmp_path / "owner.json").exists()
    finally:
        process.kill()


def test_an_owner_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "owner.json"
    note.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": time.time() - 7500}))
    with pytest.raises(UserError, match="process 7 on elsewhere, for 2 h 5 min"), RunLock(tmp_path):
        pass
    os.utime(note, (0, time.time() - STALE_S - 1))
    with RunLock(tmp_path) as held:
        os.utime(note, (0, 0))
        held.renew()
        assert time.time() - note.stat().st_mtime < 60
    assert "process 7 on elsewhere" in capsys.readouterr().err
    assert run_lock._age(61) == "1 min"


def test_a_damaged_note_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "owner.json").write_text("[]")
    with RunLock(tmp_path):
        pass
