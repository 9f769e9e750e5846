"""Counts networks and prints their costs: the process that `pipeline.planning.counts` starts."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.errors import ConfigError, UserError
from pipeline.methods import get_method
from pipeline.places import COMPLEXITY
from pipeline.planning.costs import training_cost
from pipeline.planning.counts import COUNTED, Counted

_SECONDS_PER_HOUR = 3600
_WEIGHT_BYTES = 4


def count(experiment: Experiment, name: str, windows: int) -> Counted:
    """The cost of training method `name` on a number of windows.

    Raises:
        ConfigError: the network cannot be built, or isn't trained by gradients.
    """
    cost = training_cost(experiment, name, name, windows, COMPLEXITY, flops=1.0)
    assert cost is not None
    return Counted(
        views=len(get_method(name, experiment).views),
        parameters=cost.weight_bytes // _WEIGHT_BYTES,
        macs_per_pixel=cost.macs_per_sample / cost.crop**2,
        step_bytes=cost.memory_bytes,
        flop=cost.gpu_hours * _SECONDS_PER_HOUR,
    )


def count_apart(experiment: Experiment, name: str, windows: int) -> Counted:
    """The same in a forked process: what fvcore traces stays in memory until its process ends.

    Must be called before this process computes anything, which would start threads.

    Raises:
        ConfigError: the network cannot be counted.
    """
    answer, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        try:
            os._exit(_tell(end, lambda: count(experiment, name, windows)))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(end)
    with os.fdopen(answer, "rb") as stream:
        content = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        reason = f"its process was ended by {signal.Signals(-status).name}, memory may have run out"
        raise ConfigError(f"method {name!r}: {reason}")
    if status:
        raise ConfigError(content.decode() or f"method {name!r}: see the traceback")
    return COUNTED.validate_json(content)


def _tell(end: int, counted: Callable[[], Counted]) -> int:
    # Modules that print must not disturb the answer.
    with redirect_stdout(sys.stderr), os.fdopen(end, "w") as stream:
        try:
            stream.write(json.dumps(asdict(counted())))
        except UserError as error:
            stream.write(str(error))
            return 1
    return 0


def main(arguments: list[str]) -> int:
    """Count: experiment file, number of windows, names of methods."""
    config, windows, *names = arguments
    try:
        experiment = load_experiment(Path(config))
        found = {name: asdict(count_apart(experiment, name, int(windows))) for name in names}
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
