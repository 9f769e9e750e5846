"""Where a training runs: on the CPU, on a GPU of its own, or on several of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from pipeline.compute.gpu_slots import DeviceSlots, Slots, slots_folder
from pipeline.compute.torchrun import status_of
from pipeline.compute.visible_gpus import visible_devices
from pipeline.config.blocks import Compute

_TORCHRUN = [sys.executable, "-m", "pipeline.compute.torchrun", "--standalone"]
_VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextmanager
def gpus_held(compute: Compute, count: int) -> Iterator[Slots]:
    """Hold GPUs for one command; CUDA sees no others as long as this lasts.

    To be entered before torch is loaded. Nothing is held on the CPU, where no GPU is visible, and
    in a process that `torchrun` started, whose launcher holds them. Where waiting is needed,
    a line on standard error tells for whom.

    Args:
        compute: says whether GPUs are used.
        count: how many.

    Raises:
        UserError: fewer are visible.
    """
    started_by_torchrun = "LOCAL_RANK" in os.environ
    devices = {} if started_by_torchrun or compute.device == "cpu" else visible_devices()
    if not devices:
        yield Slots()
        return
    with DeviceSlots(slots_folder(), devices).take(count, on_wait=_tell) as slots:
        before = os.environ.get(_VISIBLE)
        os.environ[_VISIBLE] = ",".join(slots.devices)
        try:
            yield slots
        finally:
            os.environ.pop(_VISIBLE)
            if before is not None:
                os.environ[_VISIBLE] = before


def run_together(slots: Slots, arguments: Sequence[str]) -> int:
    """Run a `dmtbench` command in one process per GPU; the exit status.

    SIGTERM and SIGINT are passed on, each time once. Killed itself, it leaves the processes
    running, and with them the hold on their GPUs.

    Args:
        slots: the GPUs.
        arguments: of the command.
    """
    each = ["--nproc-per-node", str(len(slots.devices)), "-m", "pipeline"]
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        # In a session of its own: Ctrl-C on a terminal would reach it twice.
        child = subprocess.Popen(
            [*_TORCHRUN, *each, *arguments], pass_fds=slots.files, start_new_session=True
        )
        for number in early:
            child.send_signal(number)
        return status_of(child.wait())
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
