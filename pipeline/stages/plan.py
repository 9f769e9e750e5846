"""Planning stage: what a run of the workflow would do, why, and at what cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.files import free_bytes
from pipeline.planning.costs import BatchCost, TrainingCost, training_cost
from pipeline.planning.disk import DiskUse, disk_use
from pipeline.planning.images import Images, images_of
from pipeline.planning.schedule import Schedule, Task, expected_hours, schedule
from pipeline.planning.speed import Speed
from pipeline.reporting.terminal import show_table
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.jobs import Job, planned_jobs
from pipeline.workflow.machine import Machine
from pipeline.workflow.missing_weights import needed_weights

COMPLEXITY = Path("results/complexity")

_ON_THE_RIGHT = (
    *("Jobs", "Present", "Total", "Missing"),
    *("Samples", "Steps", "Batch", "GMAC per sample", "Memory", "GPU hours"),
    *("GPUs", "Hours", "Days", "GPUs idle"),
)
_OF_LARGEST = ("crop", "macs_per_sample", "memory_bytes")


@dataclass(frozen=True)
class RunPlan:
    """Jobs, costs of their trainings, disk use.

    `windows`: training windows of the set. `missing_weights`: what to do about files of weights
    that are not there, one line each. `left_out`: rows that the experiment leaves out, with the
    reason. `options`: of Snakemake, for all of this machine. `schedules`: wall time on each number
    of GPUs that was asked for.
    """

    config: str
    jobs: list[Job]
    trainings: list[TrainingCost]
    disk: list[DiskUse]
    free_bytes: int
    images: str
    windows: int
    speed: Speed
    options: list[str]
    missing_weights: list[str]
    left_out: dict[str, str]
    schedules: list[Schedule]


def make_plan(config: Path, targets: list[str], speed: Speed, gpus: Sequence[int] = ()) -> RunPlan:
    """Find out what the workflow would do in the current folder; write nothing.

    Args:
        config: the experiment file.
        targets: files to make; everything if empty.
        speed: of a GPU.
        gpus: numbers of GPUs for which the wall time is estimated.

    Raises:
        ConfigError: the experiment file or a target cannot be used, or a job needs more GPUs.
        DataError: the number of images is unknown, or a window does not fit them.
    """
    workflow = Workflow(config)
    experiment = workflow.experiment
    images = images_of(experiment.dataset, workflow.places.manifest)
    companion = _companion_images(workflow)
    windows = images.windows(experiment.patches)
    jobs = planned_jobs(config, targets)
    trainings = [
        cost
        for job in jobs
        if job.rule == "train"
        and (
            cost := training_cost(
                experiment, job.wildcards["method"], job.name, windows, COMPLEXITY, speed.flops
            )
        )
    ]
    order = {name: place for place, name in enumerate(workflow.named_runs(workflow.all_methods))}
    trainings.sort(key=lambda cost: order[cost.run])
    disk = disk_use(workflow, images, companion, sum(cost.weight_bytes for cost in trainings))
    free = free_bytes(workflow.places.data)
    known_from = " and ".join(
        dict.fromkeys(known.known_from for known in (images, companion) if known)
    )
    return RunPlan(
        config=workflow.config,
        jobs=jobs,
        trainings=trainings,
        disk=disk,
        free_bytes=free,
        images=known_from,
        windows=windows,
        speed=speed,
        options=Machine.here().options(),
        missing_weights=needed_weights(experiment, _artifacts(jobs)),
        left_out=experiment.reasons(),
        schedules=[schedule(tasks_of(jobs, speed), number) for number in gpus],
    )


def tasks_of(jobs: list[Job], speed: Speed) -> list[Task]:
    """Jobs with what each waits for, in an order in which they could run.

    Args:
        jobs: those that the workflow would run; unknown time limits count as none.
        speed: of a GPU.
    """
    makers = {path: number for number, job in enumerate(jobs) for path in job.output}
    waits_for = {
        number: {makers[path] for path in job.input if path in makers}
        for number, job in enumerate(jobs)
    }
    order = list(TopologicalSorter(waits_for).static_order())
    place = {number: at for at, number in enumerate(order)}
    return [
        Task(
            hours=expected_hours(jobs[number].runtime or 0, jobs[number].gpu, speed),
            gpus=jobs[number].gpu,
            after=tuple(sorted(place[before] for before in waits_for[number])),
        )
        for number in order
    ]


def _artifacts(jobs: list[Job]) -> list[str]:
    return [f"evaluate {job.name}-given" for job in jobs if job.rule == "evaluate_given"]


def _companion_images(workflow: Workflow) -> Images | None:
    block = workflow.experiment.companion
    if block is None or block.name not in workflow.datasets:
        return None
    return images_of(block, Path("data") / block.name / "manifest.csv")


def plan_json(plan: RunPlan) -> str:
    """The plan as JSON, with totals."""
    data: dict[str, Any] = asdict(plan)
    for found, cost in zip(data["trainings"], plan.trainings, strict=True):
        found |= {name: getattr(cost, name) for name in _OF_LARGEST}
    data["total"] = {
        "jobs": len(plan.jobs),
        "gpu_hours": sum(cost.gpu_hours for cost in plan.trainings),
        "samples": sum(cost.samples for cost in plan.trainings),
        "missing_bytes": sum(use.missing for use in plan.disk),
    }
    return json.dumps(data, indent=1)


def print_plan(plan: RunPlan) -> None:
    """Print the plan: drawn tables on a terminal, elsewhere tab-separated ones with their titles.

    Elsewhere, lines without a tab are titles and notes.
    """
    if not plan.jobs:
        _note(f"{plan.config}: nothing to do, everything is up to date.")
    else:
        _show_jobs(plan)
    for line in plan.missing_weights:
        _note(f"Missing: {line}")
    for row, reason in plan.left_out.items():
        _note(f"Not run: {row} ({reason})")
    _show_disk(plan)
    if plan.trainings:
        _show_trainings(plan)
    if plan.schedules:
        _show_schedules(plan)


def _note(text: str) -> None:
    console = Console()
    # A line of text for other programs stays one line.
    console.print(Text(text), soft_wrap=not console.is_terminal)


def _show(title: str, headings: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        print(title)
    rows = [dict(zip(headings, line, strict=True)) for line in lines]
    show_table(headings, rows, title=title, right=_ON_THE_RIGHT)


def _show_jobs(plan: RunPlan) -> None:
    lines = []
    for (rule, why, asks), group in _grouped(plan.jobs):
        names = " ".join(sorted(job.name for job in group))
        lines.append((rule, str(len(group)), asks, why, names))
    headings = ("Rule", "Jobs", "Each asks for", "Why", "Which")
    _show(f"{len(plan.jobs)} jobs would run", headings, lines)
    _note(
        f"To use all of this machine: snakemake {' '.join(plan.options)} --configfile "
        f"{plan.config}\n`dmtbench run` gives these options by itself. Memory and hours are "
        "limits on a cluster only."
    )


def _grouped(jobs: list[Job]) -> Iterator[tuple[tuple[str, str, str], list[Job]]]:
    groups: dict[tuple[str, str, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.rule, job.why, _asks(job)), []).append(job)
    yield from groups.items()


def _asks(job: Job) -> str:
    parts = [f"{job.threads} thread{'s' * (job.threads > 1)}"]
    parts += [f"{job.gpu} GPU{'s' * (job.gpu > 1)}"] if job.gpu else []
    parts += [f"{job.mem_mb / 1000:g} GB"] if job.mem_mb else []
    parts += [f"{job.runtime / 60:,.1f} h"] if job.runtime else []
    return ", ".join(parts)


def _show_disk(plan: RunPlan) -> None:
    lines = [
        (use.what, use.path, *(_gb(n) for n in (use.present, use.expected, use.missing)))
        for use in plan.disk
    ]
    _show("Disk, at most", ("What", "Where", "Present", "Total", "Missing"), lines)
    missing = sum(use.missing for use in plan.disk)
    enough = "enough" if missing <= plan.free_bytes else "NOT ENOUGH"
    _note(
        f"Missing {_gb(missing)}, free {_gb(plan.free_bytes)}: {enough}. "
        f"Number of images from {plan.images}; sizes are uncompressed."
    )


def _show_trainings(plan: RunPlan) -> None:
    lines = []
    for cost in plan.trainings:
        first, *others = cost.batches
        name, samples = f"{cost.row} ({cost.run})", f"{cost.samples:,}"
        hours = f"{cost.gpu_hours:,.2f}"
        lines.append((name, samples, f"{cost.steps:,}", *_batch(first), hours))
        lines += [("", "", "", *_batch(batches), "") for batches in others]
    hours = f"{sum(cost.gpu_hours for cost in plan.trainings):,.2f}"
    samples = f"{sum(cost.samples for cost in plan.trainings):,}"
    lines.append(("Total", samples, "", "", "", "", hours))
    headings = ("Row", "Samples", "Steps", "Batch", "GMAC per sample", "Memory", "GPU hours")
    _show(f"Trainings, {plan.windows} windows", headings, lines)
    _note(
        f"GPU hours: 3 (forward and backward; 4 with activation_checkpointing) x 2 FLOP x MAC x "
        f"samples at {plan.speed.tflops:g} TFLOP/s peak, of which {plan.speed.utilization:.0%} is "
        "reached. Both are assumptions, not measurements; validation and evaluation are extra.\n"
        "Batch: crops on one GPU x side in pixels, one line for each phase, then the companion's. "
        "Memory: all tensors of a pass at its peak, weights, gradients and Adam's moments; in "
        "brackets, with one crop (or clip) at a time. Batches that do not fit are divided "
        "(compute.max_crops_per_pass)."
    )


def _show_schedules(plan: RunPlan) -> None:
    lines = [
        (f"{found.gpus}", f"{found.hours:,.1f}", f"{found.hours / 24:,.1f}", f"{found.idle:.0%}")
        for found in plan.schedules
    ]
    _show("Wall time", ("GPUs", "Hours", "Days", "GPUs idle"), lines)
    _note(
        f"Critical path: {plan.schedules[0].critical_path_hours:,.1f} h, the longest chain of jobs "
        "that wait for each other; more GPUs do not shorten it. Simulated from what each job is "
        "expected to take, validation and evaluation included, with the longest chains first, "
        "enough cores, and no wait in a queue."
    )


def _batch(cost: BatchCost) -> tuple[str, str, str]:
    """Cells for one kind of batches: what they are, operations of a sample, memory."""
    memory = f"{_gb(cost.memory_bytes)} ({_gb(cost.least_bytes)})"
    return f"{cost.crops} x {cost.crop}", f"{cost.macs_per_sample / 1e9:,.2f}", memory


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 5e7 else f"{size / 1e6:,.1f} MB"
