"""The order of jobs: the first result as soon as possible, then the longest jobs first."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.workflow.experiment import Workflow

COSTS = "DMTBENCH_COSTS"
"""Environment variable with seconds of jobs by name, as JSON, which `dmtbench run` estimates."""

_BEFORE_TRAINING = ("data", "store", "patches")


class Priorities:
    """Priorities of rules, as functions of wildcards: small whole numbers.

    Without the costs of `dmtbench run`, only what comes first is known.

    Args:
        bench: the experiment; its `first` method is trained and scored before all others.
    """

    def __init__(self, bench: Workflow) -> None:
        costs = known_costs()
        self._ranks = {
            name: rank for rank, name in enumerate(sorted(costs, key=costs.__getitem__), 1)
        }
        self._first, self._top = bench.experiment.first, len(costs) + 1

    def priority(self, rule: str) -> Callable[[Any], int]:
        """The priority of the jobs of a rule."""

        def priority(wildcards: Any) -> int:
            if rule in _BEFORE_TRAINING:
                return self._top + 1
            method = getattr(wildcards, "method", None)
            if method is not None and method == self._first:
                return self._top
            return self._ranks.get(rule if method is None else f"{rule} {method}", 0)

        return priority


def known_costs() -> Mapping[str, float]:
    """Estimated seconds by job, such as `train dmtnet-b`; empty if nothing is known."""
    try:
        found = json.loads(os.environ.get(COSTS, "{}"))
        return {str(name): float(seconds) for name, seconds in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
