"""Part `processes`: one training on two GPUs, compared with one.

    python -m pipeline.compute.torchrun --nproc-per-node 2 -m pipeline.gpu_check.processes cuda FILE

is what the part starts: each process measures, and the first one writes the row to FILE.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, distributed

from pipeline.compute.distributed import ALONE, World, world
from pipeline.data.sampling.loader import Batch
from pipeline.gpu_check.meter import Meter
from pipeline.gpu_check.rows import Planned, ProcessesRow, Skipped
from pipeline.gpu_check.scale import DeviceKind
from pipeline.gpu_check.setting import RATE, Setting, Subject
from pipeline.training.train_step import TrainStep

COUNT = 2
_STEPS = 6


def run(setting: Setting) -> Iterator[Planned | Skipped | ProcessesRow]:
    """Measure with the first network.

    Raises:
        RuntimeError: the processes failed.
    """
    if setting.kind == "cuda" and torch.cuda.device_count() < COUNT:
        yield Skipped(reason="there is only one GPU")
        return
    yield Planned(names=(_name(setting.subjects[0]),))
    with tempfile.TemporaryDirectory() as name:
        row = Path(name) / "row.json"
        command = [sys.executable, "-m", "pipeline.compute.torchrun"]
        command += ["--nproc-per-node", str(COUNT), "-m", __name__, setting.kind, str(row)]
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        if not row.is_file():
            raise RuntimeError(f"the processes ended with status {done.returncode}")
        yield ProcessesRow.model_validate_json(row.read_text(encoding="utf-8"))


def _name(subject: Subject) -> str:
    return f"{subject.name}, {COUNT} processes"


def measured(setting: Setting, processes: World) -> ProcessesRow:
    """Time and gradients of a step alone and together; the same in every process."""
    device = setting.prepare()
    subject, meter = setting.subjects[0], Meter(device)
    whole = subject.batch(COUNT)
    part = whole.parts(COUNT)[processes.rank]
    seconds, gradients = [], []
    for group, batch in ((ALONE, whole), (processes, part)):
        torch.manual_seed(0)
        train_step = subject.train_step(setting.compute(), device, world=group)
        gradients.append(_gradients(train_step, batch))
        distributed.barrier()
        step = partial(train_step.step, batch, COUNT, RATE, "the check")
        # As often in every process: they wait for each other.
        seconds.append(min(meter.seconds(step) for _ in range(_STEPS)))
    alone, together = gradients
    largest = max(float(value.abs().max()) for value in alone)
    difference = max(
        float((one - two).abs().max()) for one, two in zip(alone, together, strict=True)
    )
    return ProcessesRow(
        name=_name(subject),
        method=subject.name,
        backend=_backend(device),
        batch=COUNT,
        crop=subject.crop,
        one_s=seconds[0],
        two_s=seconds[1],
        difference=difference / largest,
    )


def _backend(device: torch.device) -> str:
    """Name of the connection between the tensors of a device."""
    config: str = distributed.get_backend_config()
    return dict(pair.split(":") for pair in config.split(","))[device.type]


def _gradients(train_step: TrainStep, batch: Batch) -> list[Tensor]:
    """Those of one step, before it clears them; the weights stay."""
    kept: list[Tensor] = []
    parameters = list(train_step.network.parameters())

    def keep(*_: object) -> None:
        kept.extend(value.grad.clone() for value in parameters if value.grad is not None)

    handle = train_step.optimizer.register_step_pre_hook(keep)
    train_step.step(batch, COUNT, 0.0, "the check")
    handle.remove()
    return kept


def main() -> None:
    """One of the processes that `torchrun` starts."""
    kind, row = sys.argv[1:]
    setting = Setting(cast(DeviceKind, kind))
    with world(setting.prepare()) as processes:
        found = measured(setting, processes)
        if processes.is_main:
            Path(row).write_text(found.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
