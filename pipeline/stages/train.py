"""Training stage: one method and repetition to weights, curve and record."""

from __future__ import annotations

import csv
import time
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.artifacts import CURVE, RECORD, WEIGHTS
from pipeline.code_hash import PYTHON
from pipeline.compute.device import prepare_device
from pipeline.compute.distributed import World, world
from pipeline.config.experiment import Experiment
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.patch_index import read_patch_index
from pipeline.data.sampling.windows import Window
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError
from pipeline.files import atomic_folder, sha256_of
from pipeline.finished_runs import keep_finished
from pipeline.methods import Method, get_method, label_of
from pipeline.provenance import collect
from pipeline.records import RunRecord, write_record
from pipeline.results_versions import MAKERS_OF_WEIGHTS, results_versions
from pipeline.seeds import derive_seed
from pipeline.training.checkpointing import CheckpointPolicy, FileCheckpointer, checkpointing
from pipeline.training.fit import fit
from pipeline.training.loop import CurvePoint, NullObserver, Trained, train
from pipeline.training.loss import check_terms
from pipeline.training.progress import Progress
from pipeline.weights.own_file import save_weights


@dataclass(frozen=True)
class _Job:
    """One training: the method, what it learns from, and where its draws begin.

    `index`: file of the `windows`. `companion`: second training set of the methods that have one.
    """

    experiment: Experiment
    method: Method
    store: PixelStore
    index: Path
    windows: list[Window]
    companion: PixelStore | None
    seeds: dict[str, int]

    @property
    def fingerprint(self) -> dict[str, Any]:
        """All that the result depends on, as JSON-like data."""
        experiment, name = self.experiment, self.method.name
        recipe = experiment.recipe_of(name)
        return {
            "method": name,
            "arguments": experiment.trained_kwargs(name),
            "recipe": recipe and recipe.key(strict=experiment.compute.strict),
            "compute": experiment.compute.key(),
            "patches": experiment.patches.model_dump(mode="json"),
            "seeds": self.seeds,
            "code": self.method.code_hash(),
            "python": PYTHON,
            "results_versions": results_versions(*MAKERS_OF_WEIGHTS),
            "data": self.store.sha256,
            "windows": sha256_of(self.index),
            "companion": self.companion and self.companion.sha256,
        }


def train_method(
    experiment: Experiment,
    name: str,
    repetition: int,
    store_folder: Path,
    patches: Path,
    manifest: Path,
    target: Path,
    command: str,
    progress: Progress,
    companion: Path | None = None,
    how: CheckpointPolicy | None = None,
) -> RunRecord | None:
    """Train (or fit) one method and write `target` with weights, curve and record.

    Args:
        experiment: says how.
        name: method or ablation.
        repetition: of its training, from 0.
        store_folder: pixels of training and validation split.
        patches: index of the training windows.
        manifest: of the data set.
        target: folder to write.
        command: for the record.
        progress: follows the training.
        companion: store of the companion set, for a method that is trained on it too.
        how: where the state of a training is kept; without it, an interrupted one begins anew.

    Returns:
        The record; `None` in a process that helps another one to train.

    Raises:
        ConfigError: unknown method, one that has nothing to learn, an unknown loss term, a
            companion set that is missing or not wanted, or a state of another training.
        DataError: the store or the patch index is damaged or belongs to another manifest; no space
            left.
        Stopped: it was told to; the state is kept.
    """
    started = time.perf_counter()
    method = get_method(name, experiment)
    _check_learns(method)
    others = _companion_store(experiment, name, companion)
    store = PixelStore(store_folder)
    store.check_manifest(sha256_of(manifest))
    windows = read_patch_index(patches, store, experiment.patches)
    seeds = {
        purpose: derive_seed(experiment.seed, purpose, repetition)
        for purpose in ("data", f"init/{name}")
    }
    device = prepare_device(experiment.compute, seeds[f"init/{name}"])
    job = _Job(experiment, method, store, patches, windows, others, seeds)
    with world(device) as together, ExitStack() as until_written:
        checkpointer: FileCheckpointer | None = None
        learned: dict[str, float] = {}
        recipe = experiment.recipe_of(name)
        if recipe is None:
            trained, learned = fit(experiment, method, store, device)
        else:
            network, feed = _ready(job, together)
            if how is not None:
                checkpointer = until_written.enter_context(
                    checkpointing(how, job.fingerprint, together)
                )
            with progress if together.is_main else nullcontext():
                observer = progress if together.is_main else NullObserver()
                rest = (recipe, experiment.compute, device, observer, checkpointer, together)
                trained = train(network, store, feed, *rest)
        if not together.is_main:
            return None
        origin = (command, seeds, manifest)
        record = _write(job, target, trained, learned, repetition, origin, started)
        if checkpointer is not None:
            checkpointer.store.remove()
    return record


def _ready(job: _Job, together: World) -> tuple[nn.Module, CropLoader]:
    """The network, freshly initialized, and this process's part of the batches."""
    experiment, method = job.experiment, job.method
    recipe = experiment.recipe_of(method.name)
    assert recipe is not None
    check_terms(recipe, method.training_terms)
    network = method.build(**experiment.trained_kwargs(method.name), **recipe.kwargs)
    feed = CropLoader(
        *(job.store, method.views, job.windows, recipe, experiment.compute, job.seeds["data"]),
        method.input_bits,
        job.companion,
        (together.rank, together.size),
    )
    return network, feed


def _write(
    job: _Job,
    target: Path,
    trained: Trained,
    learned: dict[str, float],
    repetition: int,
    origin: tuple[str, dict[str, int], Path],
    started: float,
) -> RunRecord:
    experiment, method = job.experiment, job.method
    kwargs = experiment.trained_kwargs(method.name)
    # What only training needs is not part of the method that is evaluated.
    network = method.build(**kwargs)
    state = {key: trained.state[key] for key in network.state_dict()}
    with atomic_folder(target) as folder:
        save_weights(folder / WEIGHTS, state, method.name, kwargs)
        _write_curve(folder / CURVE, trained.curve)
        record = RunRecord(
            method=method.name,
            row=method.entry.row,
            dataset=experiment.dataset.name,
            repetition=repetition,
            label=label_of(experiment, method),
            trained_params=sum(parameter.numel() for parameter in network.parameters()),
            samples=trained.curve[-1].samples if trained.curve else 0,
            epoch=trained.epoch,
            val_psnr=trained.psnr,
            learned=learned,
            provenance=collect(
                *(experiment, *origin, folder / WEIGHTS, started),
                companion_sha256=job.companion.manifest_sha256 if job.companion else None,
            ),
        )
        write_record(folder / RECORD, record)
        keep_finished(folder, target)
    return record


def _check_learns(method: Method) -> None:
    """Refuse a method that has nothing to train, or that others have trained.

    Raises:
        ConfigError: it is one.
    """
    if not method.trainable:
        raise ConfigError(f"method {method.name!r} has nothing to train; evaluate it directly")
    if method.entry.recipe == "official":
        raise ConfigError(
            f"method {method.name!r} is not trained here; "
            "evaluate its published weights with --weights"
        )


def _companion_store(experiment: Experiment, name: str, folder: Path | None) -> PixelStore | None:
    """The companion set of a method that is trained on one.

    Raises:
        ConfigError: it is missing, or the method is not trained on one.
        DataError: the folder is no store.
    """
    needed = experiment.needs_companion(name)
    if needed and folder is None:
        raise ConfigError(f"method {name!r} is trained on a companion set: give --companion")
    if folder is None:
        return None
    if not needed:
        raise ConfigError(
            f"method {name!r} is not trained on a companion set: leave out --companion"
        )
    return PixelStore(folder)


def _write_curve(path: Path, curve: list[CurvePoint]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        names = [field.name for field in fields(CurvePoint)]
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in curve)
