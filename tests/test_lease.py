"""Leases: one owner at a time, on pretended machines that share a folder on a network.

The kernel refuses there what NFS refuses. `DMTBENCH_LEASE_ROUNDS=20 pytest tests/test_lease.py -rP`
repeats the drills and prints their figures.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from support.leases import LEASE_S, SPAWN, owners
from support.network_folder import CAN_REFUSE, refuse_network_calls

from pipeline import lease
from pipeline.claims import Claim, Owner, newest, path_of
from pipeline.lease import Taken, hold, wait_for, was_held

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
            answer, at_once = make("two").answer
            assert answer == "held"
            assert at_once < LEASE_S
            print(f"killed: replaced elsewhere after {seconds:.2f} s, here after {at_once:.2f} s")


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
            print(f"of {len(many)} that wait for a dead owner, {len(held)} held")


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
    expected = f"{path}: held by process {dead.process.pid} on one; waiting for its end, or 2 s"
    assert expected in capsys.readouterr().err


def test_moments_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    with owners(path) as make:
        # `wait_for` has the usual length of a lease.
        dead = SPAWN.Process(target=die_within, args=(path,))
        dead.start()
        dead.join()
        assert was_held(path)
        with wait_for(path):
            assert make(socket.gethostname()).process.is_alive()
    assert lease.LEASE_S > 60


def die_within(path: Path) -> None:
    with wait_for(path):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not CAN_REFUSE, reason="needs seccomp of Linux")
def test_the_pretended_network_refuses(tmp_path: Path) -> None:
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=report_refusals, args=(tmp_path, there))
    process.start()
    assert here.poll(60)
    assert here.recv() == [errno.ENOLCK, errno.EPERM, errno.EINVAL]
    process.join()


def report_refusals(folder: Path, reports: Connection) -> None:
    refuse_network_calls()
    (folder / "file").touch()
    errors = []
    with (folder / "file").open() as file:
        for call in (
            lambda: fcntl.flock(file, fcntl.LOCK_EX),
            lambda: os.link(folder / "file", folder / "other"),
        ):
            try:
                call()
            except OSError as error:
                errors.append(error.errno)
    library = ctypes.CDLL(None, use_errno=True)
    for name in ("file", "third"):
        (folder / name).touch()
    names = [os.fsencode(folder / name) for name in ("file", "third")]
    here, exchange = -100, 2
    assert library.renameat2(here, names[0], here, names[1], exchange) == -1
    errors.append(ctypes.get_errno())
    # What states and records need works.
    (folder / "file").rename(folder / "third")
    reports.send(errors)


def test_locks_of_before_do_not_block(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    # `flock` leaves its file behind.
    path.touch()
    with hold(path) as held:
        assert held.is_held
    with hold(path), pytest.raises(Taken, match=f"process {os.getpid()}"), hold(path):
        pass
    # Nothing of its owners is left.
    assert path_of(path, 2).read_text() == "released\n"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"token": "', b"\xff" * 5000])
def test_a_damaged_claim_counts_as_dead_in_time(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.lock"
    path_of(path, 4).write_bytes(content)
    began = time.monotonic()
    with hold(path, duration=LEASE_S):
        assert LEASE_S <= time.monotonic() - began < 20 * LEASE_S
        assert [found.name for found in tmp_path.iterdir()] == ["run.5.lock"]


def test_a_claim_that_could_not_be_written_is_free(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a full disk, the file can be made, and nothing can be written to it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="File too large"), hold(path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path_of(path, 1).read_bytes() == b""
    began = time.monotonic()
    with hold(path):
        assert time.monotonic() - began < 10


def test_a_process_number_that_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    this = Owner.this_process()
    assert this.is_alive
    assert this.started
    earlier = this.model_copy(update={"started": this.started - 1})
    path_of(path, 1).write_text(earlier.model_dump_json())
    began = time.monotonic()
    with hold(path):
        assert time.monotonic() - began < 10


def test_a_killed_owner_that_nobody_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        zombie = Owner.this_process().model_copy(update={"pid": process.pid, "started": 1})
        assert not zombie.is_alive


def test_one_that_comes_late_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with hold(path):
        pass
    with hold(path), pytest.raises(Taken), hold(path):
        pass
    with hold(path) as held:
        # It saw the first claim, and slept since.
        for number in (2, 3):
            assert lease._claim(path, number, LEASE_S) is None
        assert held.is_held
        found = newest(path)
        assert found is not None
        assert found.number == 3


def test_a_suspended_owner_here_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        waiter = SPAWN.Process(target=wait_briefly, args=(path,))
        waiter.start()
        waiter.join(4 * LEASE_S)
        assert waiter.is_alive()
        process.kill()
        waiter.join(60)
        assert waiter.exitcode == 0


HOLDER = f"""
import pathlib, sys, time
from pipeline.lease import hold
with hold(pathlib.Path(sys.argv[1]), duration={LEASE_S}):
    print("held", flush=True)
    time.sleep(600)
"""


def wait_briefly(path: Path) -> None:
    with wait_for(path, duration=LEASE_S):
        pass


def test_time_in_which_nobody_looked_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(lease.time, "monotonic", lambda: now[0])
    watch = lease._Watch(Path("lease"), 10, 0)
    claim = Claim(1, None, 5)
    looks = [watch.look(claim, 2)]
    # This process was suspended, or the file system did not answer.
    now[0] = 1000
    looks.append(watch.look(claim, 2))
    for _ in range(8):
        now[0] += 1
        looks.append(watch.look(claim, 2))
    assert looks == [*[False] * 9, True]
    assert not watch.look(claim._replace(changed_ns=6), 2)
    assert watch.signs == 1
