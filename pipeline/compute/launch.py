"""Runs a training on the CPU, on one GPU, or on several GPUs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from pipeline.compute.gpu_slots import DeviceSlots, Slots, slots_folder
from pipeline.compute.threads import THREADS, job_threads
from pipeline.compute.torchrun import status_of
from pipeline.compute.visible_gpus import visible_devices
from pipeline.config.blocks import Compute

_TORCHRUN = [sys.executable, "-m", "pipeline.compute.torchrun"]
_VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextmanager
def gpus_held(compute: Compute, count: int) -> Iterator[Slots]:
    """Hold GPUs for one command; meanwhile, CUDA sees no others.

    Must be entered before torch is loaded. Nothing is held on the CPU, on a machine without visible
    GPUs, or in a process started by `torchrun`, whose launcher holds the GPUs. If waiting is
    necessary, a line on standard error names the jobs waited for.

    Args:
        compute: says whether GPUs are used.
        count: number of GPUs; 0 for a command that uses the CPU only, to which CUDA shows none.

    Raises:
        UserError: fewer are visible.
    """
    if count == 0:
        with _visible(()):
            yield Slots()
        return
    started_by_torchrun = "LOCAL_RANK" in os.environ
    devices = {} if started_by_torchrun or compute.device == "cpu" else visible_devices()
    if not devices:
        yield Slots()
        return
    free = DeviceSlots(slots_folder(), devices)
    with free.take(count, on_wait=_print_error) as slots, _visible(slots.devices):
        yield slots


@contextmanager
def _visible(devices: Sequence[str]) -> Iterator[None]:
    before = os.environ.get(_VISIBLE)
    os.environ[_VISIBLE] = ",".join(devices)
    try:
        yield
    finally:
        os.environ.pop(_VISIBLE)
        if before is not None:
            os.environ[_VISIBLE] = before


def run_together(slots: Slots, arguments: Sequence[str]) -> int:
    """Run a `dmtbench` command in one process per GPU; return its exit status.

    Every SIGTERM and SIGINT is forwarded exactly once. If this process is killed, the others keep
    running and keep holding their GPUs.

    Args:
        slots: the GPUs.
        arguments: arguments of the command.
    """
    launch = ["--nproc-per-node", str(len(slots.devices)), "-m", "pipeline"]
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        # In its own session, because Ctrl-C on a terminal would otherwise reach it twice.
        child = subprocess.Popen(
            [*_TORCHRUN, *launch, *arguments],
            pass_fds=slots.files,
            start_new_session=True,
            env={**os.environ, THREADS: str(job_threads())},
        )
        for number in early:
            child.send_signal(number)
        return status_of(child.wait())
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


def _print_error(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
