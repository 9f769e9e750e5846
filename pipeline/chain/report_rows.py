"""Rows of reports: the methods and results that a table is about."""

from __future__ import annotations

from pathlib import Path

from pipeline.artifacts import RECORD
from pipeline.config.experiment import Experiment
from pipeline.places import Places

TABLES = ("table1", "table2")


def methods_of(experiment: Experiment, table: str) -> list[str]:
    """Methods and ablations that may have a row in `table1` or `table2`."""
    if table == "table1":
        return list(experiment.methods)
    return [*experiment.table2_rows().values(), *experiment.further_ablations()]


def counted(experiment: Experiment, methods: list[str]) -> list[str]:
    """Those of the methods that are run and have a network to count."""
    return [
        name for name in methods if experiment.runs(name) and experiment.entry(name).has_network
    ]


def given(experiment: Experiment, methods: list[str]) -> dict[str, Path]:
    """Result records of methods that were evaluated with weights that nobody requests."""
    places = Places.of(experiment)
    paths = {name: places.given(name) / RECORD for name in methods}
    requested = experiment.given_of(methods)
    return {name: path for name, path in paths.items() if name not in requested and path.exists()}


def results_of(experiment: Experiment, methods: list[str]) -> dict[str, Path]:
    """Records of all results that the experiment requests, by name of the artifact."""
    places = Places.of(experiment)
    own = {f"evaluate {m}-seed{r}": places.record(m, r) for m, r in experiment.runs_of(methods)}
    requested = {
        f"evaluate {name}-given": places.given(name) / RECORD
        for name in experiment.given_of(methods)
    }
    return own | requested
