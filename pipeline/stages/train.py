"""Training stage: one method and repetition to weights, curve and record."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from pipeline.config import Experiment
from pipeline.data.feed import Feed
from pipeline.data.patch_index import read_patch_index
from pipeline.data.pixels import PixelStore
from pipeline.errors import ConfigError, DataError
from pipeline.files import atomic_folder, sha256_of
from pipeline.methods import Method, get_method
from pipeline.provenance import collect
from pipeline.records import Label, RunRecord, write_record
from pipeline.seeds import derive_seed
from pipeline.training.checkpoint import save_weights
from pipeline.training.device import prepare_device
from pipeline.training.loop import CurvePoint, Trained, train, validate, whole_scene
from pipeline.training.loss import check_terms
from pipeline.training.progress import Progress

Pair = tuple[Tensor, Tensor]
WEIGHTS, CURVE, RECORD = "weights.safetensors", "curve.csv", "record.json"


class Fitted(Protocol):
    """A network that fits itself in closed form, without gradients."""

    def fit(self, train: Iterable[Pair], val: Iterable[Pair]) -> dict[str, float]:
        """Fit on pairs of input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`."""


@dataclass(frozen=True)
class ScenePairs:
    """Input and target of every scene of a split, read anew at each pass."""

    store: PixelStore
    split: str
    views: tuple[str, ...]

    def __iter__(self) -> Iterator[Pair]:
        """Pairs of input `[1, 3 * views, H, W]` and target `[1, 3, H, W]`, in [0, 1]."""
        for number in self.store.of_split(self.split):
            yield whole_scene(self.store, number, self.views)


def label_of(experiment: Experiment, method: Method) -> Label:
    """The honest label of what this experiment makes with a method, on whatever data set."""
    if method.surrogate is not None:
        return "surrogate"
    return "reproduced" if experiment.dataset.kind == "canon" else "demo"


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
) -> RunRecord:
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

    Raises:
        ConfigError: unknown method, one that has nothing to learn, an unknown loss term, or a
            companion set that is missing or not wanted.
        DataError: the store or the patch index is damaged or belongs to another manifest; no space
            left.
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
    kwargs, recipe = experiment.trained_kwargs(name), experiment.recipe_of(name)
    learned: dict[str, float] = {}
    if recipe is None:
        trained, learned = _fit(experiment, method, store, device)
    else:
        check_terms(recipe, method.training_terms)
        network = method.build(**kwargs, **recipe.kwargs)
        how = (recipe, experiment.compute, seeds["data"], method.input_bits, others)
        feed = Feed(store, method.views, windows, *how)
        with progress:
            trained = train(network, store, feed, recipe, experiment.compute, device, progress)
    # What only training needs is not part of the method that is evaluated.
    network = method.build(**kwargs)
    state = {key: trained.state[key] for key in network.state_dict()}
    with atomic_folder(target) as folder:
        save_weights(folder / WEIGHTS, state, name, kwargs)
        _write_curve(folder / CURVE, trained.curve)
        record = RunRecord(
            method=name,
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
                *(experiment, command, seeds, manifest, folder / WEIGHTS, started),
                companion_sha256=others.manifest_sha256 if others else None,
            ),
        )
        write_record(folder / RECORD, record)
    return record


def _fit(
    experiment: Experiment, method: Method, store: PixelStore, device: torch.device
) -> tuple[Trained, dict[str, float]]:
    """Fit without gradients: what was learned, and the named numbers it comes down to."""
    network = method.build(**experiment.trained_kwargs(method.name))
    pairs = [ScenePairs(store, split, method.views) for split in ("train", "val")]
    try:
        learned = cast(Fitted, network).fit(*pairs)
    except ValueError as error:
        raise DataError(
            f"{method.name} cannot be fitted to this data set: {error}; "
            "or leave it out with `not_run:` in the experiment file"
        ) from error
    network.to(device)
    psnr = validate(network, store, method.views, method.input_bits, experiment.compute, device)
    return Trained(network.state_dict(), 0, psnr, []), learned


def _write_curve(path: Path, curve: list[CurvePoint]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        names = [field.name for field in fields(CurvePoint)]
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in curve)
