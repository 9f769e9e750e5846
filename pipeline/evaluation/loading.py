"""A method as it goes to work: its network with the weights of a run or of its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from pipeline.artifacts import WEIGHTS
from pipeline.compute.device import prepare_device
from pipeline.config.experiment import Experiment
from pipeline.data.manifest import ManifestRow, read_manifest
from pipeline.errors import ConfigError
from pipeline.evaluation.protocol import Tiling, check_bit_depth, protocol_for
from pipeline.methods import Method, get_method, label_of
from pipeline.records import Label, Protocol
from pipeline.seeds import derive_seed
from pipeline.weights.own_file import load_weights
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


class Prepared(NamedTuple):
    """A method ready to predict: its network on the CPU, and everything that it depends on.

    `arguments` are those that the network was built with, `label` the one of what it makes.
    """

    method: Method
    network: nn.Module
    arguments: dict[str, Any]
    label: Label
    weights: Path | None
    protocol: Protocol
    tiling: Tiling | None
    device: torch.device
    seed: int
    rows: list[ManifestRow]


def prepare(
    experiment: Experiment,
    name: str,
    repetition: int,
    manifest: Path,
    run: Path | None,
    official: Path | None = None,
    tiling: Tiling | None = None,
) -> Prepared:
    """Load a method with its weights, and the test scenes of a manifest.

    Args:
        experiment: the experiment.
        name: method or ablation.
        repetition: which seed trained it.
        manifest: of the test scenes.
        run: run folder with the weights; `None` for a method that learns nothing.
        official: file of weights that the authors published, instead of a run: the method is
            built at full size, and what it makes bears the label for them.
        tiling: tiles to cut images into; `None` keeps them whole.

    Raises:
        ConfigError: unknown method, or `run` is missing or superfluous.
        DataError: the manifest is malformed, or its images have too few bits for the protocol.
        WeightsError: the weights are damaged or of another architecture.
    """
    check_origin(get_method(name, experiment), run, official)
    rows = [row for row in read_manifest(manifest) if row.split == "test"]
    for row in rows:
        check_bit_depth(experiment, row.bit_depth, str(manifest))
    seed = derive_seed(experiment.seed, "evaluate", repetition)
    device = prepare_device(experiment.compute, seed)
    loaded = load_method(experiment, name, run, official)
    protocol = protocol_for(experiment, loaded.method, tiling)
    return Prepared(*loaded, protocol, tiling, device, seed, rows)
