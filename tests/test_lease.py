"""Leases: one owner at a time, on two machines that share a folder whose files cannot be locked.

`DMTBENCH_LEASE_ROUNDS=20 pytest tests/test_lease.py` repeats each of them.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from support.leases import LEASE_S, SPAWN, owners

from pipeline import lease
from pipeline.lease import Taken, hold, wait_for

ROUNDS = int(os.environ.get("DMTBENCH_LEASE_ROUNDS", "2"))


def test_the_dead_are_replaced(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        with owners(tmp_path / f"{number}") as make:
            first = make("one")
            assert first.answer[0] == "held"
            first.die()
            # On another machine after the lease; here, once the other one is dead too, at once.
            second = make("two")
            answer, seconds = second.answer
            assert answer == "held"
            assert LEASE_S <= seconds < 20 * LEASE_S
            second.die()
            answer, seconds = make("two").answer
            assert answer == "held"
            assert seconds < LEASE_S


def test_the_living_are_not_robbed(tmp_path: Path) -> None:
    with owners(tmp_path / "lease") as make:
        first = make("one")
        assert first.answer[0] == "held"
        for machine in ("one", "two"):
            found = make(machine)
            assert found.answer[0] == f"process {first.process.pid} on one"
        time.sleep(2 * LEASE_S)
        assert make("two").answer[0] == f"process {first.process.pid} on one"
        assert first.is_held


def test_a_suspended_owner_notices_that_it_was_replaced(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        with owners(tmp_path / f"{number}") as make:
            first = make("one")
            assert first.answer[0] == "held"
            assert first.is_held
            first.send(signal.SIGSTOP)
            second = make("two")
            assert second.answer[0] == "held"
            first.send(signal.SIGCONT)
            assert not first.is_held
            assert second.is_held
            # Its end does not end the lease of the other.
            first.reports.send("end")
            first.process.join()
            assert second.is_held


def test_one_of_many_wins(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        with owners(tmp_path / f"{number}") as make:
            dead = make("zero")
            assert dead.answer[0] == "held"
            dead.die()
            many = [make(machine) for machine in ("one", "two", "three")]
            held = [one for one in many if one.answer[0] == "held"]
            assert len(held) == 1
            assert held[0].is_held


def test_clocks_need_not_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lease"
    with owners(path) as make:
        first = make("one")
        assert first.answer[0] == "held"
        monkeypatch.setattr(time, "time", lambda: 4e9)
        with pytest.raises(Taken, match="on one"), hold(path, duration=LEASE_S):
            pass
        assert first.is_held


def test_a_wait_is_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lease"
    with owners(path) as make:
        dead = make("one")
        assert dead.answer[0] == "held"
        dead.die()
        with hold(path, duration=LEASE_S) as held:
            assert held.is_held
        assert not path.exists()
    expected = f"{path}: held by process {dead.process.pid} on one; waiting up to 2 s"
    assert expected in capsys.readouterr().err


def test_moments_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    with owners(path) as make:
        # `wait_for` has the usual length of a lease.
        dead = SPAWN.Process(target=die_within, args=(path,))
        dead.start()
        dead.join()
        assert path.exists()
        with wait_for(path):
            assert make(socket.gethostname()).process.is_alive()
    assert lease.LEASE_S > 60


def die_within(path: Path) -> None:
    with wait_for(path):
        os.kill(os.getpid(), signal.SIGKILL)
