"""Status stage: how every artifact of an experiment stands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.artifacts import RECORD
from pipeline.chain.experiment import Chain
from pipeline.chain.results import judge_result
from pipeline.chain.standing import STATES, Standing
from pipeline.config.experiment import Experiment
from pipeline.places import Places
from pipeline.run import Run
from pipeline.training.progress import State, read_state, texts

_SILENT_S = 300.0


@dataclass(frozen=True)
class Running:
    """A training that has not ended: its progress, and the seconds since its last sign."""

    state: State
    silent_s: float

    def __str__(self) -> str:
        shown, state = texts(self.state), self.state
        share = f"{state.samples / state.total:.0%} of " if state.total else ""
        line = (
            f"{share}{state.total} crops, loss {shown['loss']}, validation {shown['psnr']} dB, "
            f"{shown['rate']} crops/s"
        )
        if self.silent_s > _SILENT_S:
            line += f"; no sign for {self.silent_s / 60:.0f} min: killed, or very slow"
        return line


@dataclass(frozen=True)
class Status:
    """An artifact and its standing.

    `extra`: the experiment does not make it. `running`: of a training of the workflow.
    """

    name: str
    standing: Standing
    extra: bool = False
    running: Running | None = None


def standings(experiment: Experiment) -> list[Status]:
    """All artifacts of an experiment, then other results in its folder."""
    chain = Chain(experiment)
    now = time.time()
    own = [
        Status(name, chain.standing(name), running=_running(chain.places, name, now))
        for name in chain.artifacts
    ]
    return [*own, *_others(experiment, chain)]


def _running(places: Places, name: str, now: float) -> Running | None:
    """The progress that the training of an artifact keeps up to date while it runs."""
    kind, _, run = name.partition(" ")
    path = places.logs / f"train-{run}.progress.json"
    state = read_state(path) if kind == "train" else None
    if state is None:
        return None
    try:
        return Running(state, max(0.0, now - path.stat().st_mtime))
    except OSError:
        # It has just ended.
        return None


def _others(experiment: Experiment, chain: Chain) -> Iterator[Status]:
    """Results of methods and repetitions that the experiment does not make."""
    places = Places.of(experiment)
    for path in sorted(places.results.glob(f"*/{RECORD}")):
        name = f"evaluate {path.parent.name}"
        if name in chain.artifacts:
            continue
        method = path.parent.name.rpartition("-")[0]
        standing = Standing("foreign", path, "this experiment does not request it")
        if path == places.given(method) / RECORD and method in experiment.methods:
            standing = judge_result(Run.of(experiment, method), places, given=True)
        yield Status(name, standing, extra=True)


def status_json(found: list[Status]) -> str:
    """One JSON object per line: `name`, `state`, `path`, `reason`; `progress` of what runs."""
    lines = (
        {
            "name": one.name,
            "state": one.standing.state,
            "path": one.standing.path.as_posix(),
            "reason": one.standing.reason,
            **({"progress": _progress(one.running)} if one.running is not None else {}),
        }
        for one in found
    )
    return "\n".join(map(json.dumps, lines))


def _progress(running: Running) -> dict[str, Any]:
    return {**running.state._asdict(), "silent_s": round(running.silent_s, 1)}


def print_status(found: list[Status], console: Console, left_out: Mapping[str, str]) -> None:
    """Print what runs, what is not fresh, and how many of each state there are.

    Args:
        found: all artifacts.
        console: where to print.
        left_out: rows that the experiment leaves out, with the reason.
    """
    running = [one for one in found if one.running is not None]
    if running:
        console.print(f"[bold]{len(running)} running[/bold]", highlight=False)
    for one in running:
        console.print(Text(f"  {one.name}: {one.running}"), soft_wrap=True)
    for state, meaning in STATES.items():
        chosen = [one for one in found if one.standing.state == state]
        if not chosen:
            continue
        console.print(f"[bold]{len(chosen)} {state}[/bold]: {meaning}", highlight=False)
        if state == "fresh":
            continue
        for one in chosen:
            console.print(Text(f"  {one.name}: {one.standing}"), soft_wrap=True)
    for row, reason in left_out.items():
        console.print(Text(f"Not run: {row} ({reason})"), soft_wrap=True)
    if any(one.standing.state != "fresh" and not one.extra for one in found):
        console.print("`dmtbench run` with this experiment makes what is not fresh.")
