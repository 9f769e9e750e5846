"""Counts networks and prints their costs: the process that `pipeline.planning.counts` starts."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.errors import UserError
from pipeline.methods import get_method
from pipeline.places import COMPLEXITY
from pipeline.planning.costs import training_cost
from pipeline.planning.counts import Counted

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


def main(arguments: list[str]) -> int:
    """Count: experiment file, number of windows, names of methods."""
    config, windows, *names = arguments
    try:
        # Modules that print must not disturb the answer.
        with redirect_stdout(sys.stderr):
            experiment = load_experiment(Path(config))
            found = {name: asdict(count(experiment, name, int(windows))) for name in names}
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
