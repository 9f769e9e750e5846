"""A project that `dmtbench run` works in, and the processes of it that a drill sends signals to."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[1]
OTHERS = ("run", "snakemake", "group")
PAGE = "index.html"
"""Targets that are not jobs: the command itself, Snakemake, and the process group of both."""
RUN, RESULT = "run of a method", "result of a method"
JOBS: dict[str, tuple[str, ...]] = {
    "data": ("data/tiny/manifest.csv", RESULT),
    "store": ("data/tiny/store", RUN),
    "patches": ("data/tiny/patches.csv", RUN),
    "train": (RUN,),
    "evaluate": (RESULT,),
    "complexity": ("results/complexity/*.json",),
    "table1": ("reports/table1.csv",),
    "table2": ("reports/table2.csv",),
    "plot": ("reports/psnr_vs_params.png",),
    "track": ("reports/tiny/tracking.json",),
}
"""The jobs, and what to delete so that one of them has work to do."""
FOLDERS = (
    "data",
    "runs",
    "results",
    "reports/*.*",
    "reports/tiny",
    "state",
    ".snakemake",
    "mlflow.db",
    "logs",
)
TIMEOUT_S, LOG = 900.0, "drill.log"
_WIPE = 0.02


class Failed(Exception):
    """The drill found an error."""


class Project:
    """A copy of this repository's code with the miniature as its only experiment.

    Args:
        folder: where it is made.
        cores: jobs at once.
        only: names of the methods that take part; default: all of the miniature.
    """

    def __init__(self, folder: Path, cores: int, only: Sequence[str] | None) -> None:
        self.folder, self.cores = folder, cores
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("pipeline", "dmtnet", "baselines", "config", "profiles", "reports/published"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(ROOT / name, folder)
        data = yaml.safe_load((ROOT / "tests" / "e2e" / "tiny.yaml").read_text())
        data["compute"] |= {"device": "cpu", "save_every_s": 0.1}
        if only:
            data["only"] = list(only)
        (folder / "tiny.yaml").write_text(yaml.safe_dump(data))

    def start(self) -> subprocess.Popen[bytes]:
        """Start `dmtbench run` in a process group of its own."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        command = [sys.executable, "-m", "pipeline", "run", "--config", "tiny.yaml"]
        with (self.folder / LOG).open("ab") as log:
            return subprocess.Popen(
                [*command, "--cores", str(self.cores)],
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

    def spoil(self, kind: str, choices: random.Random) -> None:
        """Delete what makes a job of this kind run; for `OTHERS`, a random part of everything."""
        if choices.random() < _WIPE:
            for pattern in FOLDERS:
                for path in self.folder.glob(pattern):
                    _delete(path)
            return
        kinds = [kind] if kind in JOBS else choices.sample([*JOBS], 2)
        for pattern in [pattern for each in kinds for pattern in JOBS[each]]:
            if pattern in (RUN, RESULT):
                folder = "runs" if pattern == RUN else "results"
                found = [path.name for path in (self.folder / folder / "tiny").glob("*-seed0")]
                name = choices.choice(sorted(found) or ["none"])
                paths = [self.folder / f"results/tiny/{name}", *self.folder.glob("reports/table*")]
                paths += [self.folder / f"runs/tiny/{name}"] if pattern == RUN else []
            else:
                found = sorted(str(path) for path in self.folder.glob(pattern))
                paths = [Path(choices.choice(found))] if found else []
            for path in paths:
                _delete(path)

    def wait_for(
        self, run: subprocess.Popen[bytes], kind: str, choices: random.Random
    ) -> psutil.Process | None:
        """A process of this kind as soon as there is one; `None` if the run ends before.

        Of a job it is the command itself or, sometimes, the shell around it.
        """
        while run.poll() is None:
            with contextlib.suppress(psutil.Error):
                whole = psutil.Process(run.pid)
                if kind in ("run", "group"):
                    return whole
                for process in whole.children(recursive=True):
                    if _is(kind, process.cmdline()):
                        parent = process.parent()
                        is_shell = parent is not None and "bash" in parent.name()
                        return parent if is_shell and choices.random() < 0.3 else process
            time.sleep(0.02)
        return None

    @staticmethod
    def send(
        run: subprocess.Popen[bytes], target: psutil.Process, kind: str, number: signal.Signals
    ) -> bool:
        """Send the signal; whether the target still lived."""
        try:
            if run.poll() is not None or target.status() == psutil.STATUS_ZOMBIE:
                return False
            if kind == "group":
                os.killpg(run.pid, number)
            else:
                target.send_signal(number)
        except (psutil.Error, ProcessLookupError):
            return False
        return True

    def made(self) -> dict[str, bytes]:
        """Contents of all reports, scores, weights and curves, by path.

        Without the page: it shows dates and durations, which are those of each run.
        """
        patterns = (
            "reports/*.*",
            "results/tiny/*/per_image.csv",
            "runs/tiny/*-seed0/weights.safetensors",
            "runs/tiny/*-seed0/curve.csv",
        )
        paths = [path for pattern in patterns for path in sorted(self.folder.glob(pattern))]
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in paths
            if path.name != PAGE
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
        logs = sorted(folder.glob(f"*/{LOG}"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text(errors="replace").splitlines()[-lines:] if logs else []

    def _here(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.cwd() == str(self.folder.resolve()):
                    yield process


def _as_on_a_terminal() -> None:
    # A drill in the background of a script ignores them, and so would all that it starts.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _is(kind: str, words: list[str]) -> bool:
    names = [Path(word).name for word in words]
    if kind == "snakemake":
        return "snakemake" in names
    at = names.index("dmtbench") if "dmtbench" in names else -1
    return at >= 0 and names[at + 1 : at + 2] == [kind]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
