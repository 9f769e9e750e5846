"""Evaluation stage: one method on the test split, to per-image metrics and a record."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from pipeline.artifacts import RECORD
from pipeline.config.experiment import Experiment
from pipeline.data.manifest import read_scene
from pipeline.evaluation.inference import evaluate
from pipeline.evaluation.loading import prepare
from pipeline.evaluation.metrics import load_metrics
from pipeline.evaluation.protocol import Tiling
from pipeline.files import atomic_folder
from pipeline.provenance import collect
from pipeline.records import ResultRecord, write_record


def evaluate_method(
    experiment: Experiment,
    name: str,
    repetition: int,
    root: Path,
    manifest: Path,
    run: Path | None,
    target: Path,
    command: str,
    official: Path | None = None,
    tiling: Tiling | None = None,
) -> ResultRecord:
    """Score one method on the test split and write `target` with metrics, images and record.

    Args:
        experiment: the experiment.
        name: method or ablation.
        repetition: which seed trained it.
        root: folder of the images.
        manifest: their manifest.
        run: run folder with the weights; `None` for a method that learns nothing.
        target: result folder to make.
        command: the command line, for the record.
        official: published weights, instead of a run; the record bears the label for them.
        tiling: tiles to cut images into, by a protocol of another name; `None` keeps them whole.

    Raises:
        ConfigError: unknown method, or `run` is missing or superfluous.
        DataError: an image is not the one in the manifest, has too few bits for the protocol, or
            has no ground truth; no space left.
        WeightsError: the weights are damaged or of another architecture.
    """
    started = time.perf_counter()
    ready = prepare(experiment, name, repetition, manifest, run, official, tiling)
    method, network = ready.method, ready.network
    with atomic_folder(target) as folder:
        found = evaluate(
            network,
            method,
            ready.protocol,
            ready.rows,
            partial(read_scene, root),
            load_metrics(experiment.metrics),
            folder,
            compute=experiment.compute,
            device=ready.device,
            sample_images=experiment.sample_images,
            tiling=ready.tiling,
        )
        record = ResultRecord(
            method=name,
            row=method.entry.row,
            method_kind=method.entry.kind,
            dataset=experiment.dataset.name,
            repetition=repetition,
            label=ready.label,
            trained_params=sum(parameter.numel() for parameter in network.parameters()),
            protocol=ready.protocol,
            scores=found.scores,
            groups=found.groups,
            metric_status=found.metric_status,
            images=found.images,
            provenance=collect(
                experiment, command, {"evaluate": ready.seed}, manifest, ready.weights, started
            ),
        )
        write_record(folder / RECORD, record)
    return record
