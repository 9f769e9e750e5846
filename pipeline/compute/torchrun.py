"""`torchrun` that lets its processes exit by themselves, and exits with their status.

Asked to stop, the original `torchrun` kills its processes after a while and exits with a traceback
and status 1. Here the signal is forwarded to the processes: they save their state and exit, which
`torchrun` notices. All connections stay on this machine.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType

import psutil  # type: ignore[import-untyped]

_FORWARDED = (signal.SIGTERM, signal.SIGINT)
_REPORTS = "torch.distributed.elastic.multiprocessing.api"


def main(arguments: list[str]) -> int:
    """Run `torchrun` with these arguments, on this machine.

    If a signal ended a process, one line on standard error says so.

    Returns:
        0, the status of the process that failed first, or 128 plus the number of the signal that
        ended it.
    """
    # Before torch, which takes seconds to load.
    for number in _FORWARDED:
        signal.signal(number, _forward)
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    from pipeline.compute.loopback import register

    # What torchrun sets itself, with a warning of several lines.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.getLogger(_REPORTS).setLevel(logging.CRITICAL)
    # The remaining ones of the signals that torchrun handles by default.
    options = [*register(os.environ), "--signals-to-handle", "SIGHUP,SIGQUIT"]
    try:
        run.main([*options, *arguments])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            print(f"error: {_ended_by(rank, -failure.exitcode)}", file=sys.stderr)
        return status_of(failure.exitcode)
    return 0


def _ended_by(rank: int, number: int) -> str:
    name = signal.Signals(number).name
    why = " (memory may have run out)" if number == signal.SIGKILL else ""
    return (
        f"process {rank} of this training was ended by {name}{why}; "
        "run the same command again to resume"
    )


def status_of(code: int) -> int:
    """The exit status that a shell reports for an exit code of `subprocess`.

    >>> status_of(-15)
    143
    """
    return code if code >= 0 else 128 - code


def _forward(number: int, _: FrameType | None) -> None:
    children = psutil.Process().children()
    if not children:
        sys.exit(128 + number)
    for child in children:
        child.send_signal(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
