"""Kills `dmtbench train` repeatedly and checks that its results match an undisturbed run.

    python -m benchmarks.kill_training --kills 20

Trains the miniature of the demo (tests/e2e/tiny.yaml) for longer and saves a state every 0.1 s.
SIGKILL stops the whole command at random times during training; then it may finish. The weights and
the curve must be byte-identical to those of an undisturbed run. Exits with status 1 if they are
not.
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

import yaml

TINY = Path(__file__).parents[1] / "tests" / "e2e" / "tiny.yaml"
RESULTS = ("weights.safetensors", "curve.csv")
METHOD = "dmtnet-b"


class Drill:
    """Trainings of one method in one folder.

    Args:
        folder: where data, runs and states are written.
        epochs: length of the training.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        self.folder, self.config = folder, folder / "drill.yaml"
        data = yaml.safe_load(TINY.read_text())
        data["recipes"]["dmtnet"] |= {"epochs": epochs, "validations": epochs}
        data["compute"] |= {"save_every_s": 0.1, "device": "cpu"}
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
        states = sorted((self.folder / f"{name}.state").glob("*.state"))
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


def kill_and_finish(drill: Drill, kills: int, length: float, seed: int) -> list[int]:
    """Kill a training at random times, then let it finish.

    Returns:
        The number of steps saved at each kill.

    Raises:
        SystemExit: the training failed.
    """
    generator, steps = random.Random(seed), []
    while True:
        process = drill.start("killed")
        until_training(drill, "killed", process)
        if len(steps) < kills:
            try:
                process.wait(generator.uniform(0, 2 * length / kills))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                steps.append(drill.step("killed"))
                print(f"kill {len(steps)}: state of step {steps[-1]}", flush=True)
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
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        drill = Drill(Path(name), options.epochs)
        process = drill.start("undisturbed")
        until_training(drill, "undisturbed", process)
        started = time.monotonic()
        if process.wait():
            raise SystemExit(f"the training failed with status {process.returncode}")
        length = time.monotonic() - started
        steps = kill_and_finish(drill, options.kills, length, options.seed)
        same = drill.digest("killed") == drill.digest("undisturbed")
    print(
        f"{len(steps)} kills at {len(set(steps))} different steps of a training of {length:.1f} s: "
        f"weights and curve are {'byte-identical' if same else 'DIFFERENT'}"
    )
    if not same or len(steps) < options.kills:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
