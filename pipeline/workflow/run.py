"""`dmtbench run`: Snakemake with one progress bar for the workflow and one for each training."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress as Bar

from pipeline.errors import ConfigError
from pipeline.progress_bars import training_bar, workflow_bar
from pipeline.training.progress import read_state, texts
from pipeline.workflow.estimate import estimate
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.first_result import FirstResult
from pipeline.workflow.folders import short_of_space
from pipeline.workflow.leftovers import remove_leftovers
from pipeline.workflow.machine import Machine
from pipeline.workflow.priorities import COSTS
from pipeline.workflow.processes import say
from pipeline.workflow.stop import StopSignals
from pipeline.workflow.takeover import only_run_here, remove_dead_lock

_STEPS = re.compile(r"(\d+) of (\d+) steps")
_LOG = Path("logs/workflow.log")
_POLL_S = 0.3
_TAIL_LINES = 40


def run_workflow(targets: list[str], config: Path, cores: str | None) -> int:
    """Run Snakemake on an experiment.

    On a terminal, progress bars are shown and Snakemake's messages go to `logs/workflow.log`.
    Elsewhere the messages are passed through. What a killed workflow left behind, a lock or jobs
    that still run, is cleared away first. SIGINT, SIGTERM and SIGHUP stop Snakemake and its jobs.

    Args:
        targets: files to make; the default target when empty.
        config: the experiment file.
        cores: number of cores to use, or `all`; by default all, and every visible GPU.

    Returns:
        Snakemake's exit status, or 128 and the number of the signal that ended it.

    Raises:
        ConfigError: the experiment file cannot be used, or this is not the project's folder.
        UserError: somebody else runs a workflow in the current folder.
    """
    if not Path("Snakefile").is_file():
        raise ConfigError(
            f"{Path.cwd()}: has no Snakefile; run the command in the project's folder "
            "(`dmtbench init` makes one)"
        )
    workflow = Workflow(config)
    with StopSignals() as signals, only_run_here():
        remove_dead_lock(config)
        remove_leftovers()
        if signals.received is not None:
            return 128 + signals.received
        machine, first = Machine.here(), FirstResult(workflow)
        expected = estimate(workflow, targets, machine, cores)
        if signals.received is not None:
            return 128 + signals.received
        # Targets come first: Snakemake would take them for further resources.
        command = [sys.executable, "-m", "snakemake", *targets, *machine.options(cores)]
        command += ["--configfile", str(config.absolute())]
        say(machine.chosen(cores))
        if expected is not None:
            say(expected.text)
            os.environ[COSTS] = json.dumps(expected.seconds)
        if sys.stderr.isatty():
            status = _run_with_bars(command, signals, workflow.places.logs, first)
        else:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            while signals.wait(process, _POLL_S) is None:
                if news := first.news():
                    say(news)
            status = signals.status(process)
    for line in short_of_space() if status else []:
        say(line)
    return status


def _run_with_bars(command: list[str], signals: StopSignals, logs: Path, first: FirstResult) -> int:
    _LOG.parent.mkdir(exist_ok=True)
    with _LOG.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        _show(process, signals, logs, first)
    status = signals.status(process)
    if status:
        print("\n".join(_LOG.read_text(encoding="utf-8").splitlines()[-_TAIL_LINES:]))
        print(f"The workflow stopped; all messages are in {_LOG}", file=sys.stderr)
    else:
        print(f"Everything is up to date; all messages are in {_LOG}", file=sys.stderr)
    return status


def _show(
    process: subprocess.Popen[bytes], signals: StopSignals, logs: Path, first: FirstResult
) -> None:
    console = Console(stderr=True)
    whole, trainings = workflow_bar(), training_bar()
    task, known = whole.add_task("workflow", total=None), dict[str, int]()
    done, total = 0, None
    with Live(Group(whole, trainings), console=console, refresh_per_second=4):
        while signals.wait(process, _POLL_S) is None:
            done, total = _steps(_LOG)
            whole.update(task, completed=done, total=total)
            _update(trainings, known, logs)
            if news := first.news():
                console.print(news, markup=False, highlight=False, soft_wrap=True)
        whole.update(task, completed=(total or 0) if process.returncode == 0 else done)


def _update(bar: Bar, known: dict[str, int], logs: Path) -> None:
    states = {path.name: read_state(path) for path in sorted(logs.glob("*.progress.json"))}
    for name in [name for name in known if states.get(name) is None]:
        bar.remove_task(known.pop(name))  # type: ignore[arg-type]
    for name, state in states.items():
        if state is None:
            continue
        if name not in known:
            known[name] = bar.add_task(state.name, **texts(state))
        bar.update(
            known[name],  # type: ignore[arg-type]
            completed=state.samples,
            total=state.total or None,
            **texts(state),
        )


def _steps(log: Path) -> tuple[int, int | None]:
    found = _STEPS.findall(log.read_text(encoding="utf-8", errors="replace"))
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, None)
