"""Who runs a workflow: notes and marks, read back; dead owners are told from living ones."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.workflow_processes import dead_pid, lock, owner, running

from pipeline.workflow.owner import (
    NOTE,
    Owner,
    advise_on_dead_lock,
    is_locked,
    sign_lock,
    signed,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_owners_are_read_back() -> None:
    one = Owner.this_process()
    assert Owner.parse(one.text()) == one
    assert one.is_here
    assert one.pid == os.getpid()


GOOD = {"host": "a", "pid": 1, "since": 1.5, "folder": "/b"}


@pytest.mark.parametrize(
    "change",
    [{"pid": "1"}, {"pid": True}, {"pid": None}, {"host": 1}, {"since": "x"}, {"more": 1}],
)
def test_damaged_owners_are_none(change: dict[str, Any]) -> None:
    assert Owner.parse(json.dumps(GOOD)) is not None
    assert Owner.parse(json.dumps(GOOD | change)) is None


@given(st.text() | st.recursive(st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_is_an_error(text: str) -> None:
    assert Owner.parse(text) is None


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[" * 100_000])
def test_damaged_notes_are_none(content: bytes) -> None:
    assert signed() is None
    NOTE.parent.mkdir()
    NOTE.write_bytes(content)
    assert signed() is None


@pytest.mark.parametrize("program", ["snakemake", "/x/bin/snakemake", "/x/bin/dmtbench"])
def test_living_and_dead(tmp_path: Path, program: str) -> None:
    with running(program) as process:
        one = owner(process.pid)
        assert one.is_alive
        # The number of a process that has ended may be another one's by now.
        assert not owner(process.pid, folder=tmp_path / "elsewhere").is_alive
        assert not owner(process.pid, host="elsewhere").is_alive
        # A clock that was set changes nothing.
        assert dataclasses.replace(one, since=one.since + 1e6).is_alive
    assert not one.is_alive
    with running("editor") as process:
        assert not owner(process.pid).is_alive
    # A note of the calling process is older than it.
    assert not Owner.this_process().is_alive
    for pid in (dead_pid(), -1, 0, 2**70):
        assert not owner(pid).is_alive


def test_a_process_that_nobody_waited_for_is_dead() -> None:
    with running("snakemake") as process:
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not owner(process.pid).is_alive


def test_the_command_that_removes_a_dead_lock(capsys: pytest.CaptureFixture[str]) -> None:
    def advice() -> str:
        advise_on_dead_lock("my file.yaml")
        return capsys.readouterr().err

    assert not is_locked()
    lock(owner(dead_pid()))
    assert is_locked()
    (line,) = advice().splitlines()
    assert line.endswith("type: snakemake --unlock --configfile 'my file.yaml'")
    with running("snakemake") as process:
        NOTE.write_text(owner(process.pid).text())
        assert advice() == ""
    for unknown in (owner(1, host="elsewhere"), owner(dead_pid(), folder=Path("/elsewhere"))):
        NOTE.write_text(unknown.text())
        assert advice() == ""
    NOTE.unlink()
    assert advice() == ""


def test_sigterm_does_not_wait_for_a_lock_that_is_held() -> None:
    held, done = threading.Lock(), threading.Event()

    def handler(*_: object) -> None:
        # As in Snakemake's scheduler.
        with held:
            done.set()

    before = signal.signal(signal.SIGTERM, handler)
    try:
        sign_lock()
        with held:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not done.wait(0.2)
        assert done.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)
    note = signed()
    assert note is not None
    assert note.pid == os.getpid()
