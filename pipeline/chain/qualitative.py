"""The methods that Figures 4 and 5 show, with the records that they follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import RECORD
from pipeline.config.experiment import Experiment
from pipeline.config.methods import CONTROL
from pipeline.places import Places

INPUT = "input"
"""The method whose output is the blurred image."""

FIGURE5_ROW = "DMTNet-B"
"""Row of the network of Figure 5, if it was run and nothing else is asked for."""


@dataclass(frozen=True)
class QualitativeResult:
    """A method at its first repetition.

    `folder`: of its result. `run`: of its training; `None` for given weights and without training.
    `compared`: whether Figure 4 shows it. `inputs`: its records, by artifact.
    """

    method: str
    folder: Path
    run: Path | None
    compared: bool
    inputs: Mapping[str, Path]


def qualitative_results(experiment: Experiment) -> list[QualitativeResult]:
    """What the figures may show: the input first, then the methods that are run, without controls.

    A single ablation may follow: the network that the experiment file names for Figure 5.
    """
    methods = [
        name
        for name in experiment.methods_run()
        if name == INPUT or experiment.entry(name).kind != CONTROL
    ]
    methods.sort(key=lambda name: name != INPUT)
    further = experiment.qualitative.network
    both = [*methods, *([further] if further is not None and further not in methods else [])]
    return [_result(experiment, name, compared=name in methods) for name in both]


def _result(experiment: Experiment, name: str, *, compared: bool) -> QualitativeResult:
    places = Places.of(experiment)
    if name in experiment.weights:
        folder = places.given(name)
        inputs = {f"evaluate {name}-given": folder / RECORD}
        return QualitativeResult(name, folder, None, compared, inputs)
    folder, run, inputs = places.result(name, 0), None, dict[str, Path]()
    if experiment.entry(name).recipe is not None:
        run = places.run(name, 0)
        inputs[f"train {name}-seed0"] = run / RECORD
    inputs[f"evaluate {name}-seed0"] = folder / RECORD
    return QualitativeResult(name, folder, run, compared, inputs)
