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

from pipeline.claims import Owner, path_of
from pipeline.errors import ConfigError, UserError
from pipeline.training import run_lock, stop
from pipeline.training.checkpoint import CheckpointStore
from pipeline.training.run_lock import RunLock
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


def test_the_job_ends_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(stop.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(stop.time, "time", lambda: 5000.0)
    monkeypatch.setenv("SLURM_JOB_END_TIME", "6000")
    for limit in (None, 2000):
        now[0] = 100
        request = StopRequest(limit)
        now[0] = 1030
        assert request.reason == ""
        # A minute before the end.
        now[0] = 1041
        assert request.reason == "the end of the job (SLURM_JOB_END_TIME)"
    now[0] = 100
    request = StopRequest(500)
    now[0] = 601
    assert request.reason == "the time limit"


def test_a_step_must_fit_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stop.time, "monotonic", lambda: now[0])
    request = StopRequest(100)
    # What comes before the first step is no step.
    for now[0], reason in ((30, ""), (50, ""), (70, ""), (90, "the time limit")):
        assert request.reason == reason
    request = StopRequest(100)
    now[0] = 150
    assert request.reason == ""
    # A save is no step either.
    now[0] = 170
    request.note_save(5)
    now[0] = 174
    assert request.reason == ""
    now[0] = 178
    assert request.reason == "the time limit"


@pytest.mark.parametrize("end", ["", "never"])
def test_a_job_without_an_end(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setenv("SLURM_JOB_END_TIME", end)
    assert StopRequest().reason == ""


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


def test_a_note_without_a_lock_does_not_block(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "owner.json"
    note.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": time.time() - 7500}))
    with RunLock(tmp_path):
        pass
    assert "process 7 on elsewhere, for 2 h 5 min" in capsys.readouterr().err
    assert run_lock._age(61) == "1 min"


def test_a_trainer_that_was_replaced_writes_nothing(tmp_path: Path) -> None:
    with RunLock(tmp_path) as held:
        held.check()
        # As another trainer does that has waited for a sign of life.
        dead = Owner.this_process().model_copy(update={"started": 1})
        path_of(tmp_path / "lock", 2).write_text(dead.model_dump_json())
        with RunLock(tmp_path):
            message = r"gave no sign of life .* is now run by process \d+ on .*; nothing more"
            with pytest.raises(UserError, match=message):
                held.check()
            store = CheckpointStore(tmp_path, {})
            with pytest.raises(UserError, match="nothing more is written"):
                store.save({}, 1, before=held.check)
            assert not [*tmp_path.glob("*.state")]
        assert not (tmp_path / "owner.json").exists()
    with pytest.raises(UserError, match="an unknown process"):
        RunLock(tmp_path).check()


def test_a_damaged_note_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "owner.json").write_text("[]")
    with RunLock(tmp_path):
        pass


@pytest.mark.parametrize("host", ["\x7f", "\x9b2J", "\u202efar", "a b"])
def test_a_note_of_a_damaged_host_is_not_shown(tmp_path: Path, host: str) -> None:
    (tmp_path / "owner.json").write_text(json.dumps({"host": host, "pid": 7, "since": 0}))
    assert RunLock(tmp_path)._owner() == "an unknown process"
