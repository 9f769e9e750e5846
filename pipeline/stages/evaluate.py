"""Evaluation stage: one method on the test split, to per-image metrics and a record."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE, RECORD
from pipeline.data.manifest import read_scene
from pipeline.evaluation.inference import evaluate
from pipeline.evaluation.loading import prepare
from pipeline.evaluation.metrics import load_metrics
from pipeline.evaluation.protocol import Tiling
from pipeline.files import atomic_folder, sha256_of
from pipeline.given_file import GivenFile
from pipeline.keys import evaluate_keys, given_key
from pipeline.provenance import collect
from pipeline.public_text import public_path
from pipeline.records import ResultRecord, write_record
from pipeline.run import Run, WeightsOrigin


def evaluate_method(
    run: Run,
    *,
    origin: WeightsOrigin,
    root: Path,
    manifest: Path,
    target: Path,
    command: str,
    tiling: Tiling | None = None,
) -> ResultRecord:
    """Score one method on the test split and write `target` with metrics, images and record.

    Args:
        run: the method, and which of its repetitions.
        origin: where its weights are; the record bears the label for published ones.
        root: folder of the images.
        manifest: their manifest.
        target: result folder to make.
        command: the command line, for the record.
        tiling: tiles to cut images into, by a protocol of another name; `None` keeps them whole.

    Raises:
        ConfigError: weights are missing or superfluous.
        DataError: an image is not the one in the manifest, has too few bits for the protocol, or
            has no ground truth; no space left.
        WeightsError: the weights are damaged or of another architecture.
    """
    started = time.perf_counter()
    ready = prepare(run, origin=origin, manifest=manifest, tiling=tiling)
    experiment, method, loaded = run.experiment, run.method, ready.loaded
    with atomic_folder(target) as folder:
        found = evaluate(
            ready,
            read=partial(read_scene, root),
            metrics=load_metrics(experiment.metrics),
            folder=folder,
        )
        record = ResultRecord(
            method=method.name,
            row=method.entry.row,
            method_kind=method.entry.kind,
            dataset=experiment.dataset.name,
            repetition=run.repetition,
            label=loaded.label,
            trained_params=sum(parameter.numel() for parameter in loaded.network.parameters()),
            given_weights=_given(origin),
            protocol=ready.protocol,
            scores=found.scores,
            groups=found.groups,
            metric_status=found.metric_status,
            images=found.images,
            per_image_sha256=sha256_of(folder / PER_IMAGE_FILE),
            provenance=collect(
                experiment,
                command=command,
                keys=evaluate_keys(
                    run,
                    tiling=tiling and asdict(tiling),
                    given=origin.official and given_key(sha256_of(origin.official), origin.key),
                ),
                seeds={"evaluate": run.seed("evaluate")},
                started=started,
                manifest=manifest,
                weights=loaded.weights,
            ),
        )
        write_record(folder / RECORD, record)
    return record


def _given(origin: WeightsOrigin) -> GivenFile | None:
    if origin.official is None:
        return None
    return GivenFile(file=public_path(str(origin.official)), key=origin.key)
