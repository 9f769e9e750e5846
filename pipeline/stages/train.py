"""Training stage: one method and repetition to weights, curve and record."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pipeline.artifacts import CURVE, RECORD, WEIGHTS
from pipeline.compute.device import prepare_device
from pipeline.compute.distributed import world
from pipeline.data.sampling.patch_index import read_patch_index
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError
from pipeline.files import atomic_folder, sha256_of
from pipeline.finished_runs import keep_finished
from pipeline.keys import train_keys
from pipeline.methods import Method
from pipeline.pins import check_manifest
from pipeline.provenance import collect
from pipeline.records import RunRecord, write_record
from pipeline.run import Run
from pipeline.training.checkpointing import CheckpointPolicy, FileCheckpointer, checkpointing
from pipeline.training.fit import fit
from pipeline.training.loop import CurvePoint, NullObserver, Trained, train
from pipeline.training.preparation import TrainingData, prepare_training
from pipeline.training.progress import Progress
from pipeline.weights.own_file import save_weights


@dataclass(frozen=True)
class TrainingFiles:
    """Where the data of a training are.

    `store`: pixels of training and validation split. `patches`: index of the training windows.
    `manifest`: of the data set. `companion`: store of the companion set, for a method that is
    trained on it too.
    """

    store: Path
    patches: Path
    manifest: Path
    companion: Path | None = None


def train_method(
    run: Run,
    *,
    files: TrainingFiles,
    target: Path,
    command: str,
    progress: Progress,
    policy: CheckpointPolicy | None = None,
) -> RunRecord | None:
    """Train (or fit) one method and write `target` with weights, curve and record.

    The way to the weights: check method and data; build the network (`prepare_training`); train it
    (`pipeline.training.loop.train`, or `pipeline.training.fit.fit`); write the best weights
    (`_write`).

    Args:
        run: what is trained.
        files: what it learns from.
        target: folder to write.
        command: for the record.
        progress: follows the training.
        policy: where the state of a training is kept; without it, an interrupted one begins anew.

    Returns:
        The record; `None` in a process that helps another one to train.

    Raises:
        ConfigError: a method that has nothing to learn, an unknown loss term, a companion set that
            is missing or not wanted, or a state of another training.
        DataError: the store or the patch index is damaged or belongs to another manifest; no space
            left.
        NoMemory: the device has too little memory.
        Stopped: a signal or the time limit ended the run; the state is kept.
    """
    started = time.perf_counter()
    _check_learns(run.method)
    data = _open(run, files)
    device = prepare_device(run.compute, run.init_seed)
    with world(device) as processes, ExitStack() as until_written:
        checkpointer: FileCheckpointer | None = None
        crops_per_pass: dict[str, int] = {}
        if run.recipe is None:
            trained = fit(run, data.store, device)
        else:
            train_step, loader = prepare_training(
                run, recipe=run.recipe, data=data, device=device, processes=processes
            )
            if policy is not None:
                fingerprint = run.fingerprint(
                    data=data.store.sha256,
                    windows=sha256_of(files.patches),
                    companion=data.companion.sha256 if data.companion else None,
                )
                checkpointer = until_written.enter_context(
                    checkpointing(policy, fingerprint, processes)
                )
            with progress if processes.is_main else nullcontext():
                trained = train(
                    train_step,
                    store=data.store,
                    loader=loader,
                    observer=progress if processes.is_main else NullObserver(),
                    checkpointer=checkpointer,
                )
            crops_per_pass = train_step.passes.used
        if not processes.is_main:
            return None
        record = _write(
            run,
            trained,
            target=target,
            command=command,
            started=started,
            files=files,
            data=data,
            crops_per_pass=crops_per_pass,
            before=checkpointer.check_lock if checkpointer is not None else lambda: None,
        )
        if checkpointer is not None:
            checkpointer.store.remove()
    return record


def _open(run: Run, files: TrainingFiles) -> TrainingData:
    companion = _companion_store(run, files.companion)
    check_manifest(run.experiment, files.manifest)
    store = PixelStore(files.store)
    store.check_manifest(sha256_of(files.manifest))
    windows = read_patch_index(files.patches, store, run.experiment.patches)
    return TrainingData(store, windows, companion)


def _write(
    run: Run,
    trained: Trained,
    *,
    target: Path,
    command: str,
    started: float,
    files: TrainingFiles,
    data: TrainingData,
    crops_per_pass: dict[str, int],
    before: Callable[[], None],
) -> RunRecord:
    method = run.method
    # What only training needs is not part of the method that is evaluated.
    network = method.build(**run.kwargs)
    state = {key: trained.state[key] for key in network.state_dict()}
    with atomic_folder(target) as folder:
        save_weights(folder / WEIGHTS, state, method.name, run.kwargs)
        _write_curve(folder / CURVE, trained.curve)
        record = RunRecord(
            method=method.name,
            row=method.entry.row,
            dataset=run.experiment.dataset.name,
            repetition=run.repetition,
            label=run.label,
            trained_params=sum(parameter.numel() for parameter in network.parameters()),
            samples=trained.curve[-1].samples if trained.curve else 0,
            epoch=trained.epoch,
            val_psnr=trained.psnr,
            learned=trained.learned,
            crops_per_pass=crops_per_pass,
            provenance=collect(
                run.experiment,
                command=command,
                keys=train_keys(run),
                seeds=run.training_seeds,
                started=started,
                manifest=files.manifest,
                companion_sha256=data.companion.manifest_sha256 if data.companion else None,
                weights=folder / WEIGHTS,
            ),
        )
        write_record(folder / RECORD, record)
        before()
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


def _companion_store(run: Run, folder: Path | None) -> PixelStore | None:
    """The companion set of a method that is trained on one.

    Raises:
        ConfigError: it is missing, or the method is not trained on one.
        DataError: the folder is not a store.
    """
    name = run.method.name
    if run.needs_companion and folder is None:
        raise ConfigError(f"method {name!r} is trained on a companion set: give --companion")
    if folder is None:
        return None
    if not run.needs_companion:
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
