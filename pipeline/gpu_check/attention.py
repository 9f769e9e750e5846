"""Part `attention`: which kernel PyTorch takes for the attention of each network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch.profiler import ProfilerActivity, profile

from pipeline.compute.device import autocast, memory_format
from pipeline.gpu_check.rows import AttentionRow, Planned, Task
from pipeline.gpu_check.setting import RATE, Setting, Subject

CROP = 64
"""Side of the crops in pixels; the choice of a kernel does not depend on it."""

_PRECISIONS = ("float32", "bfloat16", "float16")
_TASKS: tuple[Task, ...] = ("forward", "training")
_PREFIX, _BACKWARD = "aten::_scaled_dot_product_", "_backward"
_MATH = "attention_math"


def run(setting: Setting) -> Iterator[Planned | AttentionRow]:
    """Profile a pass and a step in every precision of the networks that have attention."""
    first = {subject.method.entry.module: subject for subject in reversed(setting.subjects)}
    kinds = [(precision, task) for precision in _PRECISIONS for task in _TASKS]
    found: dict[str, AttentionRow] = {}
    cells = []
    for subject in reversed(first.values()):
        row = measured(setting, subject, *kinds[0])
        found[row.name] = row
        cells += [(subject, *kind) for kind in (kinds if row.kernels else kinds[:1])]
    yield Planned(names=tuple(_name(*cell) for cell in cells))
    for cell in cells:
        yield found.get(_name(*cell)) or measured(setting, *cell)


def measured(setting: Setting, subject: Subject, precision: str, task: Task) -> AttentionRow:
    """Profile one pass or step."""
    kernels = kernels_of(setting, subject, precision, task)
    return AttentionRow(
        name=_name(subject, precision, task),
        method=subject.name,
        task=task,
        precision=precision,
        backend=backend_of(kernels),
        kernels=tuple(kernels),
    )


def _name(subject: Subject, precision: str, task: Task) -> str:
    return f"{subject.name} {task} {precision}"


def kernels_of(setting: Setting, subject: Subject, precision: str, task: Task) -> list[str]:
    """PyTorch's attention kernels in one pass or step, without their common prefix."""
    device = setting.prepare(precision)
    compute = setting.compute(precision)
    activities = [ProfilerActivity.CPU]
    if task == "training":
        train_step = subject.train_step(compute, device)
        batch = subject.batch(1, CROP)
        with profile(activities=activities) as profiler:
            train_step.step(batch, 1, RATE, "the check")
    else:
        network = subject.build().eval()
        network.to(device=device, memory_format=memory_format(compute))  # type: ignore[call-overload]
        x = torch.rand(1, subject.channels, CROP, CROP).to(device)
        with (
            torch.inference_mode(),
            autocast(compute, device),
            profile(activities=activities) as profiler,
        ):
            network(x)
    names = {event.key for event in profiler.key_averages()}
    return sorted(
        name.removeprefix(_PREFIX)
        for name in names
        if name.startswith(_PREFIX) and not name.endswith(_BACKWARD)
    )


def backend_of(kernels: list[str]) -> Literal["fused", "math", "none"]:
    """Of what kind these kernels are; one that writes out its logits decides.

    >>> backend_of(["efficient_attention"]), backend_of(["attention_math"]), backend_of([])
    ('fused', 'math', 'none')
    """
    if not kernels:
        return "none"
    return "math" if any(name.startswith(_MATH) for name in kernels) else "fused"
