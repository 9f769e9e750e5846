"""One command on one GPU or on several: what is started, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fixture_types import Run, Tiny
from support.miniatures import compute
from support.paths import REPOSITORY, TINY

from pipeline.compute import launch, visible_gpus
from pipeline.compute.gpu_slots import DeviceSlots, Slots
from pipeline.compute.launch import gpus_held, run_together
from pipeline.compute.torchrun import status_of
from pipeline.errors import UserError

GPU = compute(device="auto")
TWO = {"0": "0", "1": "1"}
TWO_NAMED = "0,1"
# Writes down its arguments, and ends with the status in a file when a signal comes, or at once.
FAKE = """
import json, os, signal, sys
from pathlib import Path
folder = Path(os.environ["FAKE"])
seen = []
def note(number, _):
    seen.append(signal.Signals(number).name)
    (folder / "signals.json").write_text(json.dumps(seen))
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, note)
visible = os.environ.get("CUDA_VISIBLE_DEVICES")
start = {"argv": sys.argv[1:], "visible": visible, "pid": os.getpid()}
(folder / "start.tmp").write_text(json.dumps(start))
(folder / "start.tmp").rename(folder / "start.json")
if (folder / "wait").exists():
    while not seen:
        signal.pause()
sys.exit(int((folder / "status").read_text()))
"""
LAUNCHER = """
import sys
from pathlib import Path
from pipeline.compute import launch
from pipeline.compute.gpu_slots import DeviceSlots
launch._TORCHRUN = [sys.executable, "-c", sys.argv[1]]
with DeviceSlots(Path(sys.argv[2]), {"0": "0", "1": "1"}).take(2) as slots:
    launch.run_together(slots, ["train"])
"""
# Ends with 75 when it is asked to, as a training does, but only after a while.
TRAINER = """
import os, signal, sys, time
from pathlib import Path
def stop(*_):
    time.sleep(0.5)
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
Path(sys.argv[1], os.environ["RANK"]).touch()
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pretended GPUs, locks of its own, and a pretended `torchrun`."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", TWO_NAMED)
    monkeypatch.setattr(visible_gpus, "_listed", list)
    monkeypatch.setattr(launch, "slots_folder", lambda: tmp_path / "slots")
    monkeypatch.setattr(launch, "_TORCHRUN", [sys.executable, "-c", FAKE])
    monkeypatch.setenv("FAKE", str(tmp_path))
    (tmp_path / "status").write_text("0")


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_side_by_side_commands_see_a_gpu_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gpus_held(GPU, 1) as first:
        assert (first.devices, os.environ["CUDA_VISIBLE_DEVICES"]) == (("0",), "0")
        # Another command starts with what the first was given.
        os.environ["CUDA_VISIBLE_DEVICES"] = TWO_NAMED
        with gpus_held(GPU, 1):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == TWO_NAMED
    assert not capsys.readouterr().err
    holder = DeviceSlots(tmp_path / "slots", TWO).take(2)
    holder.__enter__()
    os.environ["CUDA_VISIBLE_DEVICES"] = TWO_NAMED
    timer = threading.Timer(0.5, lambda: holder.__exit__(None, None, None))
    timer.start()
    with gpus_held(GPU, 1):
        assert "waiting for 1 of 2 GPUs: 0 is used by process" in capsys.readouterr().err
    timer.join()


def test_nothing_is_held_where_nothing_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with gpus_held(compute(device="cpu"), 2) as slots:
        assert slots == Slots()
        assert os.environ["CUDA_VISIBLE_DEVICES"] == TWO_NAMED
    with pytest.raises(UserError, match="3 GPUs are requested"), gpus_held(GPU, 3):
        pass
    monkeypatch.setenv("LOCAL_RANK", "1")
    with gpus_held(GPU, 2) as slots:
        assert slots == Slots()
    monkeypatch.delenv("LOCAL_RANK")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with gpus_held(GPU, 2) as slots:
        assert slots == Slots()


def test_cuda_shows_no_gpu_to_what_uses_the_cpu_only() -> None:
    with gpus_held(GPU, 0) as slots:
        assert slots == Slots()
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert os.environ["CUDA_VISIBLE_DEVICES"] == TWO_NAMED


def test_a_variable_that_was_not_set_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(launch, "visible_devices", lambda: {"GPU-a": "GPU-a"})
    with gpus_held(GPU, 1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize("status", [0, 1, 75])
def test_train_on_two_gpus(tmp_path: Path, tiny: Tiny, run: Run, status: int) -> None:
    (tmp_path / "status").write_text(str(status))
    config = tmp_path / "two.yaml"
    config.write_text(tiny.config.read_text().replace("auto,", "auto, gpus_per_run: 2,"))
    options = ["--store", tiny.store, "--patches", tiny.patches, "--manifest", tiny.manifest]
    options += ["--config", config, "--output", tmp_path / "run"]
    command = [str(part) for part in ("train", "dmtnet-b-fixed", *options)]
    assert run(*command).code == status
    start = json.loads((tmp_path / "start.json").read_text())
    assert start["argv"] == ["--nproc-per-node", "2", "-m", "pipeline", *command]
    assert start["visible"] == TWO_NAMED
    assert os.environ["CUDA_VISIBLE_DEVICES"] == TWO_NAMED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "wait").touch()
    (tmp_path / "status").write_text("75")
    before = signal.getsignal(number)

    def stop() -> None:
        wait_for((tmp_path / "start.json").exists)
        os.kill(os.getpid(), number)

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert run_together(Slots(("0", "1")), ["train"]) == 75
    stopper.join()
    assert json.loads((tmp_path / "signals.json").read_text()) == [number.name]
    assert signal.getsignal(number) == before


def test_killed_by_a_signal() -> None:
    assert [status_of(code) for code in (0, 75, -9, -15)] == [0, 75, 137, 143]


def test_a_killed_launcher_frees_nothing_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    command = [sys.executable, "-c", LAUNCHER, FAKE, str(tmp_path / "slots")]
    launcher = subprocess.Popen(command, cwd=REPOSITORY)
    wait_for((tmp_path / "start.json").exists)
    launcher.kill()
    launcher.wait()
    pid = json.loads((tmp_path / "start.json").read_text())["pid"]
    taking = DeviceSlots(tmp_path / "slots", TWO).take(1, timeout=0)
    try:
        with pytest.raises(UserError, match="0 is used by process"), taking:
            pass
    finally:
        os.kill(pid, signal.SIGTERM)
    with DeviceSlots(tmp_path / "slots", TWO).take(2, timeout=30) as held:
        assert held.devices == ("0", "1")


def test_the_processes_of_torchrun_end_as_they_choose(tmp_path: Path) -> None:
    trainer = tmp_path / "trainer.py"
    trainer.write_text(TRAINER)
    command = [sys.executable, "-m", "pipeline.compute.torchrun"]
    command += ["--nproc-per-node", "2", str(trainer), str(tmp_path)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (tmp_path / "0").exists() and (tmp_path / "1").exists())
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "Traceback" not in err


def test_torch_is_not_loaded_before_the_choice(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pipeline.compute import launch\n"
        "def spy(*_):\n"
        "    sys.exit(9 if 'torch' in sys.modules else 7)\n"
        "launch.gpus_held = spy\n"
        "from pipeline.cli import main\n"
        "main()\n"
    )
    config = [
        "--config",
        str(TINY),
        "--output",
        str(tmp_path),
    ]
    data = ["--manifest", "manifest.csv"]
    train = ["train", "dmtnet-b", "--store", "store", "--patches", "patches.csv"]
    evaluate = ["evaluate", "input", "--root", "raw"]
    for command in (train, evaluate):
        arguments = [*command, *data, *config]
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=REPOSITORY, check=False
        )
        assert done.returncode == 7
