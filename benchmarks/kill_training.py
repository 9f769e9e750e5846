"""Interrupts `dmtbench train` repeatedly and checks that its results match an undisturbed run.

    python -m benchmarks.kill_training --signals 20

Trains the miniature of the demo (tests/e2e/tiny.yaml) for longer, with loader workers, and saves a
state every 0.1 s. At random times during training it sends, in turn, SIGTERM to the process group,
as a cluster does, and SIGKILL to the command alone, as a machine short of memory does. After
SIGTERM the command must save and exit with status 75; after both, no process of it may be left.
Then it may finish. The weights and the curve must be byte-identical to those of an undisturbed run.
Exits with status 1 if anything is not as it must be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import yaml

from pipeline.errors import RESUMABLE

TINY = Path(__file__).parents[1] / "tests" / "e2e" / "tiny.yaml"
RESULTS = ("weights.safetensors", "curve.csv")
METHOD = "dmtnet-b"
SIGNALS = (signal.SIGTERM, signal.SIGKILL)
END_S = 10.0
"""Within so many seconds, the processes of a command must have ended with it."""


class Drill:
    """Trainings of one method in one folder.

    Args:
        folder: where data, runs and states are written.
        epochs: length of the training.
        workers: number of loader workers.
        device: `cpu` or `cuda`.
    """

    def __init__(self, folder: Path, epochs: int, workers: int, device: str) -> None:
        self.folder, self.config = folder, folder / "drill.yaml"
        data = yaml.safe_load(TINY.read_text())
        data["recipes"]["dmtnet"] |= {"epochs": epochs, "validations": epochs}
        data["compute"] |= {"save_every_s": 0.1, "device": device, "loader_workers": workers}
        self.config.write_text(yaml.safe_dump(data))
        inputs = [f"--config={self.config}", f"--manifest={folder / 'manifest.csv'}"]
        raw, store = f"--root={folder / 'raw'}", folder / "store"
        self._run(["data", raw, *inputs])
        self._run(["store", raw, *inputs[1:], f"--output={store}"])
        patches = folder / "patches.csv"
        self._run(["patches", f"--store={store}", inputs[0], f"--output={patches}"])
        self.common = [*inputs, f"--store={store}", f"--patches={patches}"]

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a training in its own process group."""
        arguments = ["train", METHOD, *self.common, f"--output={self.folder / name}"]
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def step(self, name: str) -> int:
        """Number of steps of the newest state; -1 without a state."""
        states = sorted((self.folder / f"{name}.state").glob("step-*.state"))
        return int(states[-1].stem.removeprefix("step-")) if states else -1

    def digest(self, name: str) -> str:
        """SHA-256 of the results."""
        contents = [(self.folder / name / result).read_bytes() for result in RESULTS]
        return hashlib.sha256(b"".join(contents)).hexdigest()

    @staticmethod
    def _run(arguments: Sequence[str]) -> None:
        subprocess.run([sys.executable, "-m", "pipeline", *arguments], check=True)


def until_training(drill: Drill, name: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the command holds its lock; kills during start-up would test nothing."""
    note = drill.folder / f"{name}.state" / "owner.json"
    while process.poll() is None:
        try:
            if f'"pid": {process.pid},' in note.read_text():
                return
        except OSError:
            pass
        time.sleep(0.005)


def left_of(session: int) -> list[psutil.Process]:
    """The processes of a session that are still there after a while."""
    deadline = time.monotonic() + END_S
    while found := [process for process in psutil.process_iter() if runs_in(process, session)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return found


def runs_in(process: psutil.Process, session: int) -> bool:
    try:
        # Nobody may collect orphans that have ended, in a container.
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def interrupt(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal and wait for the end.

    Raises:
        SystemExit: the command ended in another way than it must, or left processes behind.
    """
    if number == signal.SIGTERM:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    status, wanted = process.wait(), RESUMABLE if number == signal.SIGTERM else -number
    if status != wanted:
        raise SystemExit(f"after {number.name} the status is {status}, not {wanted}")
    if left := left_of(process.pid):
        raise SystemExit(f"after {number.name} processes are left: {left}")


def interrupt_and_finish(drill: Drill, signals: int, moments: float, seed: int) -> list[int]:
    """Interrupt a training again and again, then let it finish.

    Args:
        drill: the trainings.
        signals: how many are sent.
        moments: they come at most so many seconds after the command has begun to train.
        seed: of the moments.

    Returns:
        The number of steps saved after each signal.

    Raises:
        SystemExit: the training failed, or `interrupt` says so.
    """
    generator, steps = random.Random(seed), []
    while True:
        process = drill.start("interrupted")
        until_training(drill, "interrupted", process)
        if len(steps) < signals:
            try:
                process.wait(generator.uniform(0, moments))
            except subprocess.TimeoutExpired:
                number = SIGNALS[len(steps) % len(SIGNALS)]
                interrupt(process, number)
                steps.append(drill.step("interrupted"))
                print(f"{number.name} {len(steps)}: state of step {steps[-1]}", flush=True)
                continue
        if process.wait():
            raise SystemExit(f"the training failed with status {process.returncode}")
        return steps


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kill_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--signals", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        drill = Drill(Path(name), options.epochs, options.workers, options.device)
        process = drill.start("undisturbed")
        until_training(drill, "undisturbed", process)
        started = time.monotonic()
        while process.poll() is None and drill.step("undisturbed") < 0:
            time.sleep(0.005)
        begun = time.monotonic()
        if process.wait():
            raise SystemExit(f"the training failed with status {process.returncode}")
        length = time.monotonic() - begun
        # The workers start anew after every signal.
        moments = begun - started + 2 * length / options.signals
        steps = interrupt_and_finish(drill, options.signals, moments, options.seed)
        same = drill.digest("interrupted") == drill.digest("undisturbed")
    print(
        f"{len(steps)} signals at {len(set(steps))} different steps of a training of "
        f"{length:.1f} s with {options.workers} loader workers; no process was left; "
        f"weights and curve are {'byte-identical' if same else 'DIFFERENT'}"
    )
    if not same or len(steps) < options.signals:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
