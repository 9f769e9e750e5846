"""Evaluation stage: one method on the test split, to per-image metrics and a record."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE, RECORD
from pipeline.data.manifest import read_scene
from pipeline.evaluation.controls import check_controls
from pipeline.evaluation.earlier_scores import earlier_scores, keep_scores
from pipeline.evaluation.inference import evaluate
from pipeline.evaluation.loading import prepare
from pipeline.evaluation.metrics import load_metrics
from pipeline.evaluation.protocol import Tiling
from pipeline.evaluation.sanity import FloorCheck, check_scenes
from pipeline.evaluation.scores import read_per_image
from pipeline.files import atomic_folder, sha256_of
from pipeline.keys import evaluate_keys, given_key
from pipeline.provenance import collect
from pipeline.public_text import public_path
from pipeline.records import GivenFile, ResultRecord, write_record
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

    First it scores the controls and looks at the first scenes; nothing is written if either is off.

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
        ControlError: a control does not have its known score, or exchanged views or the like
            explain why the network is worse than its input.
        DataError: an image is not the one in the manifest, has too few bits for the protocol, or
            has no ground truth, or another one; no space left.
        WeightsError: the weights are damaged or of another architecture.
    """
    started = time.perf_counter()
    ready = prepare(run, origin=origin, manifest=manifest, tiling=tiling)
    experiment, method, loaded = run.experiment, run.method, ready.loaded
    read, metrics = partial(read_scene, root), load_metrics(experiment.metrics)
    controls = check_controls(ready, read=read, metrics=metrics)
    check_scenes(ready, read=read)
    floor = FloorCheck(ready, read=read)
    with atomic_folder(target) as folder:
        found = evaluate(ready, read=read, metrics=metrics, folder=folder, observe=floor.add)
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
            controls=controls,
            floor=floor.judge(),
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
        before = earlier_scores(target)
        if before and (what := before.compared(record, read_per_image(folder / PER_IMAGE_FILE))):
            print(f"{target}: {what}", file=sys.stderr)
        keep_scores(folder, target)
    return record


def _given(origin: WeightsOrigin) -> GivenFile | None:
    if origin.official is None:
        return None
    return GivenFile(file=public_path(str(origin.official)), key=origin.key)
