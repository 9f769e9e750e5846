"""A method as it goes to work: its network with the weights of a run or of its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError
from pipeline.methods import Method, get_method
from pipeline.records import Label
from pipeline.stages.train import WEIGHTS, label_of
from pipeline.training.checkpoint import load_weights
from pipeline.weights.reader import read_weights

OFFICIAL: Label = "official weights"


class Loaded(NamedTuple):
    """A method with its network on the CPU.

    `arguments` are those that the network was built with, `label` the one of what it makes,
    `weights` the file they came from, if any.
    """

    method: Method
    network: nn.Module
    arguments: dict[str, Any]
    label: Label
    weights: Path | None


def check_origin(method: Method, run: Path | None, official: Path | None) -> None:
    """Refuse a method without the weights that it needs, or with more than it needs.

    Raises:
        ConfigError: `run` or `official` is missing or superfluous.
    """
    if official is not None and run is not None:
        raise ConfigError(f"method {method.name!r} takes a run or published weights; leave out one")
    if official is None and method.entry.recipe == "official":
        raise ConfigError(
            f"method {method.name!r} runs with published weights only; "
            f"`dmtbench weights fetch {method.name}`, then give the file with --weights"
        )
    if official is None and method.trainable != (run is not None):
        remedy = "leave out --run"
        if method.trainable:
            remedy = "give its folder with --run, or published weights with --weights"
        needs = "a" if method.trainable else "no"
        raise ConfigError(f"method {method.name!r} needs {needs} run; {remedy}")


def load_method(
    experiment: Experiment, name: str, run: Path | None, official: Path | None
) -> Loaded:
    """Load a method; without a run and published weights, as it is built.

    Args:
        experiment: the experiment.
        name: method or ablation.
        run: run folder with the weights.
        official: file of weights that the authors published: the method is built at full size,
            and what it makes bears the label for them.

    Raises:
        ConfigError: unknown method.
        WeightsError: the weights are damaged or of another architecture.
    """
    method = get_method(name, experiment)
    if official is not None:
        network = method.load_official(read_weights(official))
        return Loaded(method, network, method.entry.kwargs, OFFICIAL, official)
    arguments = experiment.trained_kwargs(name)
    network = method.build(**arguments)
    weights = None if run is None else run / WEIGHTS
    if weights is not None:
        load_weights(weights, network, name)
    return Loaded(method, network, arguments, label_of(experiment, method), weights)
