"""Networks stage: size and cost of all trained networks, and their selection weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd

from pipeline.artifacts import RECORD
from pipeline.chain.experiment import Chain
from pipeline.chain.reports import finish_report, networks_report
from pipeline.config.experiment import Experiment
from pipeline.data.manifest import read_scene
from pipeline.errors import ConfigError
from pipeline.evaluation.loading import prepare
from pipeline.evaluation.selection_weights import SelectionWeight, selection_weights, selects
from pipeline.files import atomic_file
from pipeline.places import Places
from pipeline.planning.trained_networks import TrainedNetwork, trained_network
from pipeline.progress_bars import watched
from pipeline.records import RunRecord, read_record
from pipeline.run import Run, WeightsOrigin

NETWORKS = "networks.csv"
SELECTION_WEIGHTS = "selection_weights.csv"

NETWORK_COLUMNS = ("method", "row", "num_dmssrm", "params", "flops", "samples")
WEIGHT_COLUMNS = ("method", "repetition", "scene", "category", "dmssrm", "scale", "alpha")

# Float32 has no more.
_DIGITS = "%.7g"


def make_networks(experiment: Experiment) -> list[Path]:
    """Write the report `networks` of an experiment to `reports/<experiment>/`.

    Raises:
        ConfigError, DataError, NoMemory, RecordError, WeightsError: as for `write_networks`.
    """
    report = networks_report(experiment)
    root = Places.raw_of(experiment.dataset)
    write_networks(experiment, report.record.parent, root=root)
    return finish_report(experiment, report)


def write_networks(experiment: Experiment, output: Path, *, root: Path) -> list[Path]:
    """Write `networks.csv` and `selection_weights.csv` of every network trained by gradients.

    The second one has a row for each DMSSRM, scale and test scene of each run that selects its
    scales adaptively.

    Args:
        experiment: all of its trainings must be finished.
        output: folder to write to.
        root: folder of the images.

    Returns:
        The two paths.

    Raises:
        ConfigError: the experiment trains no network.
        DataError: an image is not the one in the manifest; the folder is read-only or full.
        NoMemory: an image is too large for the device.
        RecordError: a training is missing, broken or foreign to the experiment.
        WeightsError: weights are damaged or of another architecture.
    """
    runs = _checked_runs(experiment)
    networks: dict[str, TrainedNetwork] = {}
    weights: list[dict[str, object]] = []
    for run in watched(runs, len(runs), "networks", sys.stderr.isatty()):
        name, record = run.method.name, _record(run)
        networks.setdefault(name, trained_network(run, record))
        found = _selection_weights(run, root)
        weights += [{"method": name, "repetition": run.repetition, **asdict(one)} for one in found]
    sizes = pd.DataFrame([asdict(one) for one in networks.values()], columns=[*NETWORK_COLUMNS])
    sizes["num_dmssrm"] = sizes["num_dmssrm"].astype("Int64")
    frames = {NETWORKS: sizes, SELECTION_WEIGHTS: pd.DataFrame(weights, columns=[*WEIGHT_COLUMNS])}
    for name, frame in frames.items():
        with atomic_file(output / name) as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n", float_format=_DIGITS)
    return [output / name for name in frames]


def _checked_runs(experiment: Experiment) -> list[Run]:
    """All trainings by gradients, each with its chain back to the data."""
    chain = Chain(experiment)
    names = [*experiment.methods, *experiment.ablations]
    runs = [
        Run.of(experiment, method, repetition)
        for method, repetition in experiment.runs_of(names)
        if experiment.recipe_of(method) is not None
    ]
    if not runs:
        raise ConfigError(f"experiment {experiment.name!r} trains no network; nothing to count")
    for run in runs:
        chain.require(f"train {run.method.name}-seed{run.repetition}")
    return runs


def _record(run: Run) -> RunRecord:
    return read_record(_folder(run) / RECORD, RunRecord)


def _folder(run: Run) -> Path:
    return Places.of(run.experiment).run(run.method.name, run.repetition)


def _selection_weights(run: Run, root: Path) -> Iterator[SelectionWeight]:
    manifest = Places.of(run.experiment).manifest
    ready = prepare(run, origin=WeightsOrigin(_folder(run)), manifest=manifest)
    if selects(ready.loaded.network):
        yield from selection_weights(ready, read=partial(read_scene, root))
