"""The processes of `dmtbench run` that a drill sends signals to, and how it makes them work."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil

from benchmarks.kill_project import GIVEN, delete

OTHERS = ("run", "snakemake", "group")
"""Targets that are not jobs: the command itself, Snakemake, and the process group of both."""
RUN, RESULT = "run of a method", "result of a method"
JOBS: dict[str, tuple[str, ...]] = {
    "data": ("data/tiny/manifest.csv", RESULT),
    "store": ("data/tiny/store", RUN),
    "patches": ("data/tiny/patches.csv", RUN),
    "train": (RUN,),
    "evaluate": (RESULT,),
    "evaluate_given": (f"results/tiny/{GIVEN}-given",),
    "complexity": ("results/complexity/*.json",),
    "table1": ("reports/table1.csv",),
    "table2": ("reports/table2.csv",),
    "latex": ("reports/values.tex",),
    "plot": ("reports/psnr_vs_params.png",),
    "qualitative": ("reports/tiny/figure?.npz",),
    "figures": ("reports/figure?.png",),
    "verdicts": ("reports/verdicts.csv",),
    "networks": ("reports/tiny/networks.csv",),
    "ablation": ("reports/tiny/ablation.csv",),
    "html": ("reports/index.html",),
    "track": ("reports/tiny/tracking.json",),
}
"""The jobs by rule, and what to delete so that one of them has work to do."""
KINDS = (*OTHERS, *JOBS)
_FOLDERS = (
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
_WIPE = 0.02
_SHELL = 0.3
_GIVEN_OPTION = "--weights"


def spoil(folder: Path, kind: str, choices: random.Random) -> None:
    """Delete what makes a job of this kind run; for `OTHERS`, a random part of everything."""
    if choices.random() < _WIPE:
        for pattern in _FOLDERS:
            for path in folder.glob(pattern):
                delete(path)
        return
    kinds = [kind] if kind in JOBS else choices.sample([*JOBS], 2)
    for pattern in [pattern for each in kinds for pattern in JOBS[each]]:
        for path in _spoiled(folder, pattern, choices):
            delete(path)


def _spoiled(folder: Path, pattern: str, choices: random.Random) -> list[Path]:
    if pattern not in (RUN, RESULT):
        found = sorted(folder.glob(pattern))
        return [choices.choice(found)] if found else []
    parent = "runs" if pattern == RUN else "results"
    names = sorted(path.name for path in (folder / parent / "tiny").glob("*-seed0"))
    name = choices.choice(names or ["none"])
    paths = [folder / f"results/tiny/{name}", *folder.glob("reports/table*")]
    return [*paths, folder / f"runs/tiny/{name}"] if pattern == RUN else paths


def wait_for(
    run: subprocess.Popen[bytes], kind: str, choices: random.Random
) -> psutil.Process | None:
    """A process of this kind as soon as there is one; `None` if the run ends before.

    Of a job it is the command itself or, sometimes, the shell around it.
    """
    while run.poll() is None:
        with contextlib.suppress(psutil.Error):
            if kind in ("run", "group"):
                return psutil.Process(run.pid)
            for found, process in working(run):
                if found == kind:
                    parent = process.parent()
                    is_shell = parent is not None and "bash" in parent.name()
                    return parent if is_shell and choices.random() < _SHELL else process
        time.sleep(0.1)
    return None


def working(run: subprocess.Popen[bytes]) -> list[tuple[str, psutil.Process]]:
    """Snakemake and the commands of jobs that work for a run now, each with its kind."""
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if kind := _kind(process.cmdline()):
                    found.append((kind, process))
    return found


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


def _kind(words: list[str]) -> str:
    """The kind of a process by its command line; empty for others, such as shells and workers."""
    names = [Path(word).name for word in words]
    if "snakemake" in names:
        return "snakemake"
    at = names.index("dmtbench") if "dmtbench" in names else len(names)
    command = "".join(names[at + 1 : at + 2])
    if command == "evaluate" and _GIVEN_OPTION in words:
        return "evaluate_given"
    return command if command in JOBS else ""
