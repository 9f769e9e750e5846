"""Weights that an experiment names and that a run of the workflow would miss."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.config.experiment import Experiment
from pipeline.errors import WeightsError
from pipeline.weights.requested import missing_weights
from pipeline.workflow.experiment import Workflow


def needed_weights(experiment: Experiment, artifacts: Iterable[str]) -> list[str]:
    """What to do about the files of weights that are missing, one line each.

    Args:
        experiment: names the files.
        artifacts: names of what is made.
    """
    made = {*artifacts}
    methods = experiment.given_of([*experiment.methods, *experiment.ablations])
    found = (
        missing_weights(experiment, name) for name in methods if f"evaluate {name}-given" in made
    )
    return [line for line in found if line]


def check_weights(config: Path, targets: list[str]) -> None:
    """Check that all weights are there that a run of the workflow would need.

    Raises:
        ConfigError: the experiment file cannot be used.
        WeightsError: a file is missing.
    """
    workflow = Workflow(config)
    if not workflow.experiment.weights:
        return
    missing = needed_weights(workflow.experiment, workflow.chain.to_make(targets))
    if missing:
        others = f", and {len(missing) - 1} more (`dmtbench plan` lists them)" * (len(missing) > 1)
        raise WeightsError(
            f"{config}: {missing[0]}{others}; or leave methods out with `not_run:` in a file that "
            "extends this one"
        )
