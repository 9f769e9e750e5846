"""Part `speed`: time, rate and memory of every trained network, setting by setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.compute.compilation import compile_network
from pipeline.compute.device import autocast, memory_format
from pipeline.config.blocks import Compute
from pipeline.errors import one_line
from pipeline.gpu_check.meter import Meter, ran_out_of_memory
from pipeline.gpu_check.rows import Planned, Precision, SpeedRow, Task
from pipeline.gpu_check.setting import RATE, Setting, Subject
from pipeline.planning.memory import TrainingMemory

OUT_OF_MEMORY = "out of memory"
_TASKS: tuple[Task, ...] = ("forward", "training")
_TIERS: tuple[tuple[Precision, bool, bool], ...] = (
    ("float32", True, False),
    ("bfloat16", True, False),
    ("TF32", True, False),
    ("float32", False, False),
    ("bfloat16", True, True),
    ("float32", True, True),
    ("TF32", True, True),
    ("bfloat16", False, False),
    ("TF32", False, False),
    ("float32", False, True),
    ("bfloat16", False, True),
    ("TF32", False, True),
)
"""Precision, channels last, compiled: the most important first, for the time may not suffice."""

_USUAL = 2
"""So many of them are measured of every network at any scale."""


@dataclass(frozen=True)
class Cell:
    """One network, task and setting."""

    subject: Subject
    task: Task
    precision: Precision
    channels_last: bool
    compiled: bool

    @property
    def name(self) -> str:
        """All of it in words."""
        words = [self.subject.name, self.task, self.precision]
        words += ["channels_last"] if self.channels_last else []
        return " ".join([*words, *(["compiled"] if self.compiled else [])])

    @property
    def switches(self) -> dict[str, Any]:
        """The setting, as changes of a `compute` block."""
        return {"channels_last": self.channels_last, "compile": self.compiled}


def cells(setting: Setting) -> list[Cell]:
    """All cells, the most important first."""
    return [
        Cell(subject, task, *tier)
        for number, tier in enumerate(_TIERS)
        if tier[0] in setting.precisions and tier[-1] <= setting.scale.compiled
        for subject in setting.subjects[: None if number < _USUAL else setting.scale.further]
        for task in _TASKS
    ]


def run(setting: Setting) -> Iterator[Planned | SpeedRow]:
    """Measure cell after cell; one that fails or runs out of memory is a row too."""
    planned = cells(setting)
    yield Planned(names=tuple(cell.name for cell in planned))
    speeds = Speeds(setting)
    for cell in planned:
        yield speeds.measured(cell)


class Speeds:
    """Measures cells, and remembers what does not depend on their settings.

    Args:
        setting: device and sizes.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._flop: dict[tuple[str, Task], int] = {}
        self._planned = cache(self._planned_bytes)

    def measured(self, cell: Cell) -> SpeedRow:
        """Measure one cell.

        Raises:
            RuntimeError: CUDA failed in a way that leaves the process unable to continue.
        """
        setting, device = self.setting, self.setting.prepare(cell.precision, **cell.switches)
        meter, found = Meter(device), self._row(cell)
        meter.start_peak()
        try:
            work = _WORK[cell.task](setting, cell, device)
            first = meter.seconds(lambda: self._first(cell, work))
            seconds, passes = meter.typical(work, setting.scale.seconds_per_cell)
        except Exception as error:
            if not ran_out_of_memory(error) and "CUDA error" in str(error):
                raise
            return found.model_copy(update={"problem": _problem(error)})
        finally:
            if cell.compiled:
                torch.compiler.reset()
        peak = meter.peak()
        return found.model_copy(
            update={
                "seconds": seconds,
                "first_s": first,
                "passes": passes,
                "flop": self._flop.get((cell.subject.name, cell.task)),
                "allocated_bytes": peak and peak.allocated,
                "reserved_bytes": peak and peak.reserved,
            }
        )

    def _first(self, cell: Cell, work: Callable[[], object]) -> None:
        """The first pass, which counts operations if no other cell has."""
        key = (cell.subject.name, cell.task)
        # A compiled network does not show its operations.
        if key in self._flop or cell.compiled:
            work()
            return
        with FlopCounterMode(display=False) as counter:
            work()
        self._flop[key] = counter.get_total_flops()

    def _row(self, cell: Cell) -> SpeedRow:
        """What is known before the measurement."""
        subject, is_step = cell.subject, cell.task == "training"
        height, width = (subject.crop, subject.crop) if is_step else self.setting.scale.image
        half = "bfloat16" if cell.precision == "bfloat16" else "float32"
        return SpeedRow(
            name=cell.name,
            method=subject.name,
            task=cell.task,
            precision=cell.precision,
            channels_last=cell.channels_last,
            compiled=cell.compiled,
            size=(1, subject.channels, height, width),
            planned_bytes=self._planned(subject.name, half) if is_step else None,
        )

    def _planned_bytes(self, name: str, precision: str) -> int:
        (subject,) = (each for each in self.setting.subjects if each.name == name)
        return planned_bytes(subject, self.setting.compute(precision))


def planned_bytes(subject: Subject, compute: Compute) -> int:
    """What `dmtbench plan` computes for a training step of one crop."""
    kwargs = {**subject.kwargs, **subject.recipe.kwargs}
    memory = TrainingMemory(subject.method, kwargs, subject.recipe, compute)
    return memory.state + memory.one_pass(subject.crop, 1, 1).of(1)


def _problem(error: BaseException) -> str:
    if ran_out_of_memory(error):
        return OUT_OF_MEMORY
    return one_line(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")


def _forward(setting: Setting, cell: Cell, device: torch.device) -> Callable[[], object]:
    compute, subject = setting.compute(cell.precision, **cell.switches), cell.subject
    layout = memory_format(compute)
    network: nn.Module = subject.build().eval()
    network.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    if cell.compiled:
        compile_network(network, device)
    x = torch.rand(1, subject.channels, *setting.scale.image)
    x = x.to(device, memory_format=layout)

    def work() -> torch.Tensor:
        with torch.inference_mode(), autocast(compute, device):
            return network(x)

    return work


def _training(setting: Setting, cell: Cell, device: torch.device) -> Callable[[], object]:
    compute = setting.compute(cell.precision, **cell.switches)
    train_step = cell.subject.train_step(compute, device)
    batch = cell.subject.batch(1, pinned=device.type == "cuda")
    return lambda: train_step.step(batch, 1, RATE, "the check")


_WORK = {"forward": _forward, "training": _training}
