"""Sensitivity stage: a result scored again in other ways, to a record beside it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from pipeline.artifacts import RECORD, SENSITIVITY
from pipeline.chain.results import judge_result, key_of_given
from pipeline.data.manifest import read_scene
from pipeline.errors import RecordError
from pipeline.evaluation.loading import prepare
from pipeline.evaluation.metrics import load_metrics
from pipeline.evaluation.sensitivity import sensitivity
from pipeline.files import sha256_of
from pipeline.keys import sensitivity_keys
from pipeline.places import Places
from pipeline.provenance import collect
from pipeline.records import ResultRecord, Scores, SensitivityRecord, read_record, write_record
from pipeline.run import Run, WeightsOrigin
from pipeline.weights.requested import requested_weights

_METRICS = ("psnr", "ssim", "mae")
# In the unit of each metric: what another machine or number of threads may round differently.
_ROUNDING = 0.01


def measure_sensitivity(
    run: Run, *, official: Path | None = None, key: str | None = None, root: Path, command: str
) -> SensitivityRecord:
    """Score a finished result again in every way, and write `sensitivity.json` beside its record.

    Args:
        run: the method, and which of its repetitions.
        official: weights that its result was made with; by default those that the experiment
            names, or else those of the run.
        key: where that file keeps the weights, if it holds several state dicts.
        root: folder of the images.
        command: the command line, for the record.

    Raises:
        ConfigError: weights are missing or superfluous.
        DataError: an image is not the one in the manifest; no space left.
        RecordError: there is no fresh result, or scoring it again by its protocol gives others.
        WeightsError: the weights are damaged or of another architecture.
    """
    started = time.perf_counter()
    experiment, name, places = run.experiment, run.method.name, Places.of(run.experiment)
    origin = _origin(run, places, official, key)
    given = origin.official is not None
    standing = judge_result(run, places, given=given)
    if standing.state != "fresh":
        raise RecordError(f"{standing}: {standing.state}; run or evaluate {name} first")
    folder = places.given(name) if given else places.result(name, run.repetition)
    ready = prepare(run, origin=origin, manifest=places.manifest)
    metrics = load_metrics({n: m for n, m in experiment.metrics.items() if n in _METRICS})
    rows, left_out = sensitivity(ready, read=partial(read_scene, root), metrics=metrics)
    result = read_record(folder / RECORD, ResultRecord)
    _require_same(folder / RECORD, result.scores, rows[0].scores)
    record = SensitivityRecord(
        method=name,
        row=run.method.entry.row,
        dataset=experiment.dataset.name,
        repetition=run.repetition,
        label=ready.loaded.label,
        protocol=ready.protocol,
        result_sha256=sha256_of(folder / RECORD),
        rows=rows,
        left_out=left_out,
        provenance=collect(
            experiment,
            command=command,
            keys=sensitivity_keys(run, given=key_of_given(result) if given else None),
            seeds={"evaluate": run.seed("evaluate")},
            started=started,
            manifest=places.manifest,
            weights=ready.loaded.weights,
        ),
    )
    write_record(folder / SENSITIVITY, record)
    return record


def _origin(run: Run, places: Places, official: Path | None, key: str | None) -> WeightsOrigin:
    name = run.method.name
    if official is not None:
        return WeightsOrigin(official=official, key=key)
    if name in run.experiment.weights:
        return requested_weights(run.experiment, name)
    folder = places.run(name, run.repetition) if run.method.trainable else None
    return WeightsOrigin(run_folder=folder)


def _require_same(path: Path, known: dict[str, Scores], found: dict[str, Scores]) -> None:
    for category, scores in found.items():
        for metric, value in scores.mean.items():
            before = known[category].mean[metric]
            if value is None or before is None:
                continue
            if abs(value - before) > _ROUNDING:
                raise RecordError(
                    f"{path}: {category} {metric} is {before:.4f}, scored again {value:.4f}: other "
                    "weights, images or code; evaluate again"
                )
