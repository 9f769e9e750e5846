"""`torchrun` that lets its processes end as they choose, and ends with their status.

Told to stop, `torchrun` itself kills its processes after a while and ends with a traceback and
status 1. Here a signal goes to the processes: they save and end, which `torchrun` notices.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

import psutil  # type: ignore[import-untyped]

_PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def main(arguments: list[str]) -> int:
    """Run `torchrun` with these arguments.

    Returns:
        0, the status of the process that failed first, or 128 and the number of the signal that
        ended it.
    """
    # Before torch, which takes seconds to load.
    for number in _PASSED_ON:
        signal.signal(number, _pass_on)
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        # What is left of the signals that it takes for itself.
        run.main(["--signals-to-handle", "SIGHUP,SIGQUIT", *arguments])
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return status_of(failure.exitcode)
    return 0


def status_of(code: int) -> int:
    """The exit status that a shell would show for an exit code of `subprocess`."""
    return code if code >= 0 else 128 - code


def _pass_on(number: int, _: FrameType | None) -> None:
    children = psutil.Process().children()
    if not children:
        sys.exit(128 + number)
    for child in children:
        child.send_signal(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
