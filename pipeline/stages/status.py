"""Status stage: how every artifact of an experiment stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from pipeline.artifacts import RECORD
from pipeline.chain.experiment import Chain
from pipeline.chain.results import judge_result
from pipeline.chain.standing import STATES, Standing
from pipeline.config.experiment import Experiment
from pipeline.places import Places
from pipeline.run import Run


@dataclass(frozen=True)
class Status:
    """An artifact and its standing; `extra`: the experiment does not make it."""

    name: str
    standing: Standing
    extra: bool = False


def standings(experiment: Experiment) -> list[Status]:
    """All artifacts of an experiment, then other results in its folder."""
    chain = Chain(experiment)
    own = [Status(name, chain.standing(name)) for name in chain.artifacts]
    return [*own, *_others(experiment, chain)]


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
    """One JSON object per line: `name`, `state`, `path`, `reason`."""
    lines = (
        {
            "name": one.name,
            "state": one.standing.state,
            "path": one.standing.path.as_posix(),
            "reason": one.standing.reason,
        }
        for one in found
    )
    return "\n".join(map(json.dumps, lines))


def print_status(found: list[Status], console: Console, left_out: Mapping[str, str]) -> None:
    """Print what is not fresh, and how many of each state there are.

    Args:
        found: all artifacts.
        console: where to print.
        left_out: rows that the experiment leaves out, with the reason.
    """
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
