"""A project that `dmtbench run` works in, and what an undisturbed run would make there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "tiny.yaml"
METHODS = ("input", "dmtnet-b")
GIVEN = "given"
"""The method that runs with weights which the experiment names; it always takes part."""
TIMEOUT_S = 900.0
_WEIGHTS = "given.npz"
_STUDY: dict[str, Any] = {
    "claims": [],
    "margin": 0.1,
    "comparisons": [{"one": "dmtnet-b", "other": "input", "question": "Does it deblur?"}],
}
_LEFT_OUT = (".tmp-*", "index.html", "tracking.json", "*.record.json", "study.json")
_DATED_LINE = re.compile(rb"^- (Hours: |.* made on ).*\n", re.MULTILINE)
_COMPARED = (
    "data/*/manifest.csv",
    "data/*/patches.csv",
    "data/*/store/*",
    "runs/tiny/*-seed[0-9]/weights.safetensors",
    "runs/tiny/*-seed[0-9]/curve.csv",
    "results/tiny/*/per_image.csv",
    "reports/*.*",
    "reports/tiny/*",
)


class Failed(Exception):
    """The drill found an error."""


class Project:
    """A copy of this repository's code with the miniature as its only experiment.

    The miniature gets a study and a method with given weights, so that the workflow has all of its
    rules.

    Args:
        folder: where it is made; it may exist.
        cores: jobs at once.
        only: names of the methods that take part, those of `METHODS` among them.
    """

    def __init__(self, folder: Path, cores: int, only: Sequence[str] = METHODS) -> None:
        self.folder, self.cores = folder, cores
        # Beside it, because its disk may be full.
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._log = folder.with_suffix(".log")
        self._log.touch()
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("pipeline", "dmtnet", "baselines", "config", "profiles", "reports/published"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("Snakefile", "environment.yml", "benchmarks/given_net.py"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "reports" / "counted", folder / "reports" / "counted")
        chance = np.random.default_rng(0)
        weights = {"correction.weight": (3, 3, 3, 3), "correction.bias": (3,)}
        arrays = {name: 0.01 * chance.standard_normal(shape) for name, shape in weights.items()}
        np.savez(folder / _WEIGHTS, **{name: a.astype("f4") for name, a in arrays.items()})
        data = yaml.safe_load((ROOT / "tests" / "e2e" / "tiny.yaml").read_text())
        data["compute"] |= {"device": "cpu", "save_every_s": 0.1}
        entry = {"module": "given_net", "row": "Given (example)", "recipe": "official"}
        data |= {"methods": {GIVEN: entry}, "weights": {GIVEN: _WEIGHTS}, "study": _STUDY}
        data |= {"repetitions": 3, "only": [*only, GIVEN], "complexity_size": [64, 64]}
        (folder / CONFIG).write_text(yaml.safe_dump(data))

    @property
    def log(self) -> str:
        """All that the runs printed."""
        return self._log.read_text(errors="replace")

    def copy(self, folder: Path) -> Project:
        """The same project in another folder, with all that was made."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        copied = object.__new__(Project)
        copied.folder, copied.cores, copied._log = folder, self.cores, folder.with_suffix(".log")
        copied._log.touch()
        return copied

    def delete(self, *patterns: str) -> None:
        """Delete files and folders that match."""
        for path in [path for pattern in patterns for path in self.folder.glob(pattern)]:
            delete(path)

    def start(self, *program: str) -> subprocess.Popen[bytes]:
        """Start `dmtbench run`, or another Python module, in a process group of its own."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        given = [*program] or ["pipeline", "run", "--config", CONFIG, "--cores", str(self.cores)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *given],
                cwd=self.folder,
                env=environment,
                start_new_session=True,
                stdout=log,
                stderr=log,
                preexec_fn=_as_on_a_terminal,
            )

    def wait(self, run: subprocess.Popen[bytes], *, survivors: bool = False) -> int:
        """Wait for the end of a run; returns its status.

        Args:
            survivors: whether processes may outlive it.

        Raises:
            Failed: it hangs, or processes outlive it.
        """
        try:
            status = run.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            os.killpg(run.pid, signal.SIGKILL)
            raise Failed(f"a run hung for {TIMEOUT_S:.0f} s") from error
        if not survivors:
            until = time.monotonic() + 5
            while left := list(self._here()):
                if time.monotonic() > until:
                    raise Failed(f"processes outlive the run: {[p.cmdline() for p in left]}")
                time.sleep(0.1)
        return status

    def made(self) -> dict[str, bytes]:
        """Contents of data, weights, curves, scores and all reports, by path.

        Without the files that hold dates, durations or process numbers, which are those of each
        run: records, the page, and the summary of the import into MLflow. Two lines of the study's
        page are left out for the same reason. Temporary files of killed jobs do not count.
        """
        paths = [path for pattern in _COMPARED for path in sorted(self.folder.glob(pattern))]
        return {
            str(path.relative_to(self.folder)): (
                _DATED_LINE.sub(b"", path.read_bytes())
                if path.name == "ablation.md"
                else path.read_bytes()
            )
            for path in paths
            if path.is_file() and not any(map(path.match, _LEFT_OUT))
        }

    def compare(self, expected: dict[str, bytes]) -> None:
        """Compare with what an undisturbed run made.

        Raises:
            Failed: a file is missing, unexpected or different.
        """
        made = self.made()
        names = sorted({*made, *expected})
        different = [name for name in names if made.get(name) != expected.get(name)]
        if different:
            raise Failed(f"different from an undisturbed run: {', '.join(different)}")

    @staticmethod
    def last_lines(folder: Path, lines: int = 40) -> list[str]:
        """The end of what the last runs printed."""
        logs = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text(errors="replace").splitlines()[-lines:] if logs else []

    def _here(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.cwd() == str(self.folder.resolve()):
                    yield process


def delete(path: Path) -> None:
    """Delete a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _as_on_a_terminal() -> None:
    # A drill in the background of a script ignores them, and so would all that it starts.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
