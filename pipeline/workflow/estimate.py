"""How long a run will take on this machine, from its measured speed and the plan's operations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.compute.threads import THREADS
from pipeline.errors import DataError, RecordError
from pipeline.planning.images import Images, images_of
from pipeline.planning.job_needs import fitting_seconds, plain_scoring_seconds
from pipeline.planning.rate import RATED, Rated
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.machine import Machine

_PATIENCE_S = 60.0
_MINUTE = 60

# All measured on the demo, on two cores that reach 118 (the first) and 153 GFLOP/s in a 3x3
# convolution.
EFFICIENCY = 0.3
"""Operations per second of a training on one core, as a share of the convolution's rate."""
_RATE_PER_THREAD = 76.5e9
JOB_SECONDS = 7.0
"""Loading libraries, reading images, scoring: of each job, at that rate."""
COUNTING_SECONDS = 12.0
"""Of one network of full size."""
ALONE_SECONDS = 60.0
"""Of jobs that others wait for: data before the trainings, reports after them."""


@dataclass(frozen=True)
class Estimate:
    """`seconds`: of each long job by name, on its share of the cores. `text`: for the user."""

    seconds: Mapping[str, float]
    text: str


def estimate(
    workflow: Workflow, targets: list[str], machine: Machine, cores: str | None
) -> Estimate | None:
    """Estimate a run on this machine; `None` if nothing is to be trained, or nothing is known.

    Args:
        workflow: the experiment.
        targets: files to make; everything if empty.
        machine: this machine. With a GPU, the speed of its cores says nothing.
        cores: number of cores that Snakemake gets; by default all.
    """
    experiment, chain = workflow.experiment, workflow.chain
    if experiment.compute.device == "cuda" or machine.gpus:
        return None
    try:
        due = list(chain.to_make(targets))
        images = images_of(experiment.dataset, workflow.places.manifest)
    except (DataError, RecordError):
        return None
    trainings = [name.removeprefix("train ") for name in due if name.startswith("train ")]
    methods = [name.rpartition("-seed")[0] for name in trainings]
    learned = [name for name in methods if experiment.recipe_of(name)]
    if not learned:
        return None
    number = int(cores) if cores and cores.isdecimal() else machine.cores
    rated = _rated(workflow, images.windows(experiment.patches), sorted({*learned}), number)
    if rated is None:
        return None
    threads = experiment.compute.torch_threads
    own = number if threads == "auto" else min(number, threads)
    return _estimate(due, rated, _plain_seconds(workflow, images, due), number, own)


def _plain_seconds(workflow: Workflow, images: Images, due: list[str]) -> dict[str, float]:
    """Seconds of fitting and running methods without gradients, by job."""
    experiment, found = workflow.experiment, dict[str, float]()
    for rule, seconds in (("train", fitting_seconds), ("evaluate", plain_scoring_seconds)):
        for job in (name for name in due if name.startswith(f"{rule} ")):
            method, seed, _ = job.removeprefix(f"{rule} ").rpartition("-seed")
            # Those with given weights have no seed; they apply a network.
            if seed and experiment.recipe_of(method) is None:
                found[f"{rule} {method}"] = seconds(experiment, method, images)
    return found


def _estimate(
    due: list[str], rated: Rated, plain: Mapping[str, float], cores: int, threads: int
) -> Estimate:
    """Estimate a run.

    Args:
        due: names of the artifacts to make.
        rated: the machine's speed, and operations of trainings by gradients.
        plain: seconds of jobs without gradients.
        cores: of the run.
        threads: of a training.
    """
    slow = _RATE_PER_THREAD / (rated.flops / cores)
    counting = sum(name.startswith("complexity ") for name in due)
    seconds = {
        f"train {name}": JOB_SECONDS * slow + flop / (threads * rated.flops / cores * EFFICIENCY)
        for name, flop in rated.flop.items()
    }
    seconds |= {name: JOB_SECONDS * slow + own * slow for name, own in plain.items()}
    work = sum(
        seconds.get(name.rpartition("-seed")[0], JOB_SECONDS * slow) * threads
        for name in due
        if name.startswith(("train ", "evaluate "))
    )
    if counting:
        seconds["complexity"] = counting * COUNTING_SECONDS * slow
        work += seconds["complexity"]
    wall = max(work / cores, *seconds.values()) + ALONE_SECONDS * slow
    text = (
        f"Estimated time: about {max(1, round(wall / _MINUTE))} min on {cores} "
        f"core{'s' * (cores > 1)} (3x3 convolution: {rated.flops / 1e9:.0f} GFLOP/s)"
    )
    return Estimate(seconds, text)


def _rated(workflow: Workflow, windows: int, names: list[str], threads: int) -> Rated | None:
    command = [sys.executable, "-m", "pipeline.planning.rate_process"]
    command += [str(Path(workflow.config).absolute()), str(windows), *names]
    environment = {**os.environ, THREADS: str(threads)}
    try:
        done = subprocess.run(
            command, capture_output=True, check=True, timeout=_PATIENCE_S, env=environment
        )
        return RATED.validate_json(done.stdout)
    except (OSError, subprocess.SubprocessError, ValidationError):
        return None
