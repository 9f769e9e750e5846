"""Devices, pretended ones, and the processes that compete for them."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from pipeline.compute import gpu_slots as slots
from pipeline.compute.gpu_slots import DeviceSlots, slots_folder
from pipeline.errors import UserError

SPAWN = multiprocessing.get_context("spawn")
THREE = {name: f"GPU-{name}" for name in "012"}
TWO = {name: f"GPU-{name}" for name in "01"}
JOBS = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "slots"


def use(folder: Path, count: int, reports: Connection) -> None:
    with DeviceSlots(folder, THREE).take(count, on_wait=reports.send) as held:
        start = time.monotonic()
        time.sleep(0.1)
        reports.send((held.devices, start, time.monotonic()))


def test_eight_jobs_share_three_devices(folder: Path) -> None:
    here, there = SPAWN.Pipe(duplex=False)
    counts = [1 + number % 2 for number in range(JOBS)]
    jobs = [SPAWN.Process(target=use, args=(folder, count, there)) for count in counts]
    with ExitStack() as held:
        # All of them are there before the first is served.
        held.enter_context(DeviceSlots(folder, THREE).take(3))
        for job in jobs:
            job.start()
        waiting = [here.recv() for _ in jobs]
        assert all(message.startswith("waiting for ") for message in waiting)
    for job in jobs:
        job.join(60)
    assert [job.exitcode for job in jobs] == [0] * JOBS
    uses = [here.recv() for _ in jobs]
    assert sorted(len(devices) for devices, _, _ in uses) == sorted(counts)
    for device in THREE:
        spans = sorted((start, end) for devices, start, end in uses if device in devices)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    # And not merely one after the other.
    spans = sorted((start, end) for _, start, end in uses)
    assert any(start < end for (_, end), (start, _) in pairwise(spans))


def hold(folder: Path, reports: Connection) -> None:
    with DeviceSlots(folder, TWO).take(1) as held:
        reports.send(held.devices)
        time.sleep(60)


def test_a_killed_owner_frees_its_device(folder: Path) -> None:
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=hold, args=(folder, there))
    process.start()
    try:
        assert here.recv() == ("0",)
        owner = f"0 is used by process {process.pid} on .+ since 20"
        taking = DeviceSlots(folder, TWO).take(2, timeout=0)
        with pytest.raises(UserError, match=f"waiting for 2 of 2 GPUs: {owner}"), taking:
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with DeviceSlots(folder, TWO).take(2, timeout=0) as held:
            assert held.devices == ("0", "1")
    finally:
        process.kill()


def test_a_wait_is_reported_once_and_ends(folder: Path) -> None:
    messages: list[str] = []
    waiting = DeviceSlots(folder, TWO)
    with DeviceSlots(folder, TWO).take(1), waiting.take(1, on_wait=messages.append) as held:
        assert held.devices == ("1",)
        assert not messages
    started = time.monotonic()
    first = ExitStack()
    first.enter_context(DeviceSlots(folder, TWO).take(1))
    timer = threading.Timer(1, first.close)
    timer.start()
    with waiting.take(2, timeout=60, on_wait=messages.append):
        assert time.monotonic() - started >= 1
    timer.join()
    assert len(messages) == 1
    assert messages[0].startswith(
        f"waiting for 2 of 2 GPUs: 0 is used by process {os.getpid()} on "
    )


def test_giving_up(folder: Path) -> None:
    with DeviceSlots(folder, TWO).take(2):
        started = time.monotonic()
        taking = DeviceSlots(folder, TWO).take(1, timeout=0.5)
        reasons = "0 is used by process .*; 1 is used by process"
        with pytest.raises(UserError, match=f"gave up after . s of waiting .*: {reasons}"), taking:
            pass
        assert 0.5 <= time.monotonic() - started < 30
    # Nothing stays held by who gave up.
    with DeviceSlots(folder, TWO).take(2, timeout=0):
        pass


def test_who_wants_many_is_not_passed_and_keeps_nothing(folder: Path) -> None:
    waiting_reported = threading.Event()
    served: list[tuple[str, ...]] = []

    def want_both() -> None:
        with DeviceSlots(folder, TWO).take(2, on_wait=lambda _: waiting_reported.set()) as held:
            served.append(held.devices)

    with DeviceSlots(folder, TWO).take(1):
        job = threading.Thread(target=want_both)
        job.start()
        assert waiting_reported.wait(60)
        late = DeviceSlots(folder, TWO).take(1, timeout=0)
        with pytest.raises(UserError, match=r"process .* comes first"), late:
            pass
        # Jobs that may use the other device only, in another line, find it free.
        with DeviceSlots(folder, {"1": "GPU-1"}).take(1, timeout=30) as held:
            assert held.devices == ("1",)
        assert not served
    job.join(60)
    assert served == [("0", "1")]


def test_one_device_under_two_names(folder: Path) -> None:
    with DeviceSlots(folder, {"0": "GPU-a"}).take(1):
        other = DeviceSlots(folder, {"GPU-a": "GPU-a", "MIG-GPU-b/1/2": "MIG-GPU-b/1/2"})
        with other.take(1, timeout=0) as held:
            assert held.devices == ("MIG-GPU-b/1/2",)


def test_more_than_there_are(folder: Path) -> None:
    taking = DeviceSlots(folder, TWO).take(3)
    with pytest.raises(UserError, match="3 GPUs are requested but 2 are visible; lower"), taking:
        pass


def test_the_folder_is_the_users_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DeviceSlots(folder, TWO)
    assert folder.stat().st_mode & 0o777 == 0o700
    link = folder.with_name("link")
    link.symlink_to(folder)
    shared = folder.with_name("shared")
    shared.mkdir()
    shared.chmod(0o770)
    for hostile in (link, shared):
        with pytest.raises(UserError, match="must be a folder, not a link, that only you"):
            DeviceSlots(hostile, TWO)
    file = folder.with_name("file")
    file.touch()
    with pytest.raises(UserError, match="file: cannot be created"):
        DeviceSlots(file, TWO)
    me = os.getuid()
    monkeypatch.setattr(slots.os, "getuid", lambda: me + 1)
    assert slots_folder().name == f"dmtbench-slots-{me + 1}"
    with pytest.raises(UserError, match="must be a folder, not a link, that only you"):
        DeviceSlots(folder, TWO)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_is_a_plain_file(folder: Path, kind: str) -> None:
    devices = DeviceSlots(folder, TWO)
    lock, elsewhere = folder / "device-GPU-0.lock", folder / "precious"
    elsewhere.write_text("precious")
    if kind == "link":
        lock.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    with pytest.raises(UserError, match=r"device-GPU-0.lock: .*; remove it"), devices.take(1):
        pass
    assert elsewhere.read_text() == "precious"


def test_old_files_are_not_tidied_away_while_in_use(folder: Path) -> None:
    taken = DeviceSlots(folder, TWO).take(1)
    opened = os.open(folder, os.O_RDONLY)
    try:
        # Several jobs at once, and no one who wants the folder for himself.
        with taken, DeviceSlots(folder, TWO).take(1), pytest.raises(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(opened)


def test_a_lock_that_was_removed_holds_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, flock = folder / "device-GPU-0.lock", fcntl.flock
    removed = []

    def removing(file: int, how: int) -> None:
        flock(file, how)
        if lock.exists() and not removed:
            lock.unlink()
            removed.append(file)

    monkeypatch.setattr(slots.fcntl, "flock", removing)
    with DeviceSlots(folder, {"0": "GPU-0"}).take(1, timeout=60):
        assert removed
        other = DeviceSlots(folder, {"0": "GPU-0"}).take(1, timeout=0)
        with pytest.raises(UserError, match="gave up"), other:
            pass


def test_a_folder_whose_files_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots.tempfile, "gettempdir", lambda: str(tmp_path))
    assert slots_folder().parent == tmp_path
    flock = fcntl.flock

    def only_in_memory(file: int, how: int) -> None:
        if Path(f"/proc/self/fd/{file}").readlink() != Path("/dev/shm"):
            raise OSError(errno.ENOLCK, "No locks available")
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", only_in_memory)
    assert slots_folder().parent == Path("/dev/shm")
    monkeypatch.setattr(slots, "_LOCAL", (tmp_path / "missing",))
    with pytest.raises(UserError, match=r"missing: files cannot be locked; set TMPDIR"):
        slots_folder()
