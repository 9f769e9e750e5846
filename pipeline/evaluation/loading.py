"""A method ready for use: its network with the weights of a run or of its authors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.artifacts import WEIGHTS
from pipeline.compute.device import prepare_device
from pipeline.data.manifest import ManifestRow, read_manifest
from pipeline.errors import ConfigError
from pipeline.evaluation.protocol import Tiling, check_bit_depth, protocol_for
from pipeline.files import sha256_of
from pipeline.methods import Method
from pipeline.pins import check_manifest
from pipeline.records import Label, Protocol
from pipeline.run import Run, WeightsOrigin
from pipeline.weights.own_file import load_weights
from pipeline.weights.reader import read_weights
from pipeline.weights.trust import label_of_weights


@dataclass(frozen=True)
class LoadedMethod:
    """A run's method with its network on the CPU.

    `kwargs`: constructor arguments of the network. `label`: that of what it makes. `weights`: the
    file that they came from, if any.
    """

    run: Run
    network: nn.Module
    kwargs: dict[str, Any]
    label: Label
    weights: Path | None


def check_origin(method: Method, origin: WeightsOrigin) -> None:
    """Refuse a method without the weights that it needs, or with more than it needs.

    Raises:
        ConfigError: the run folder or the published weights are missing or superfluous.
    """
    if origin.key is not None and origin.official is None:
        raise ConfigError(
            "--key chooses within a file of published weights; give it with --weights"
        )
    if origin.official is not None and origin.run_folder is not None:
        raise ConfigError(f"method {method.name!r} takes a run or published weights; leave out one")
    if origin.official is None and method.entry.recipe == "official":
        raise ConfigError(
            f"method {method.name!r} runs with published weights only; "
            f"`dmtbench weights fetch {method.name}`, then give the file with --weights"
        )
    if origin.official is None and method.trainable != (origin.run_folder is not None):
        remedy = "leave out --run"
        if method.trainable:
            remedy = "give its folder with --run, or published weights with --weights"
        needs = "a" if method.trainable else "no"
        raise ConfigError(f"method {method.name!r} needs {needs} run; {remedy}")


def load_method(run: Run, origin: WeightsOrigin) -> LoadedMethod:
    """Load a method; without any weights, as it is built.

    Args:
        run: the method, and the size of its network.
        origin: where the weights are. With published ones, the method is built at full size.

    Raises:
        DataError: the file of published weights cannot be read.
        WeightsError: the weights are damaged or of another architecture.
    """
    method = run.method
    if origin.official is not None:
        network = method.load_official(read_weights(origin.official, origin.key))
        label = label_of_weights(run, sha256_of(origin.official))
        return LoadedMethod(run, network, method.entry.kwargs, label, origin.official)
    network = method.build(**run.kwargs)
    weights = None if origin.run_folder is None else origin.run_folder / WEIGHTS
    if weights is not None:
        load_weights(weights, network, method.name)
    return LoadedMethod(run, network, run.kwargs, run.label, weights)


@dataclass(frozen=True)
class Prepared:
    """A method ready to predict test scenes, with everything that its predictions depend on.

    `tiling`: tiles to cut images into; `None` keeps them whole. `device`: where to compute. `rows`:
    the scenes, in the order of the manifest.
    """

    loaded: LoadedMethod
    protocol: Protocol
    tiling: Tiling | None
    device: torch.device
    rows: list[ManifestRow]


def prepare(
    run: Run, *, origin: WeightsOrigin, manifest: Path, tiling: Tiling | None = None
) -> Prepared:
    """Load a method with its weights, and the test scenes of a manifest.

    Args:
        run: the method, and which of its repetitions.
        origin: where its weights are.
        manifest: of the test scenes.
        tiling: tiles to cut images into; `None` keeps them whole.

    Raises:
        ConfigError: weights are missing or superfluous.
        DataError: the manifest is malformed, or of the official Canon set and not the pinned one;
            its images have too few bits for the protocol.
        WeightsError: the weights are damaged or of another architecture.
    """
    check_origin(run.method, origin)
    check_manifest(run.experiment, manifest)
    rows = [row for row in read_manifest(manifest) if row.split == "test"]
    for row in rows:
        check_bit_depth(run.experiment, row.bit_depth, str(manifest))
    device = prepare_device(run.compute, run.seed("evaluate"))
    loaded = load_method(run, origin)
    protocol = protocol_for(run.experiment, run.method, tiling)
    return Prepared(loaded, protocol, tiling, device, rows)
