"""Runs and results: from the per-image scores back to weights, configuration, data and code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE, RECORD, WEIGHTS
from pipeline.chain.standing import Standing, judged_by_keys
from pipeline.errors import RecordError
from pipeline.evaluation.metrics import NOT_COMPUTED, load_metrics
from pipeline.evaluation.scores import aggregate, read_per_image
from pipeline.files import sha256_of
from pipeline.keys import evaluate_keys, given_key, train_keys
from pipeline.places import Places, record_of
from pipeline.records import ResultRecord, RunRecord, StepRecord, read_record
from pipeline.run import Run
from pipeline.weights.requested import missing_weights, requested_weights
from pipeline.weights.trust import known_source, label_of_weights


def judge_run(run: Run, places: Places) -> Standing:
    """How a trained (or fitted) network stands: weights, record, manifests and keys."""
    folder = places.run(run.method.name, run.repetition)
    path = folder / RECORD
    for file in (path, folder / WEIGHTS):
        if not file.exists():
            return Standing("missing", file)
    try:
        record = read_record(path, RunRecord)
    except RecordError as error:
        return _unreadable(path, error)
    if problem := _of_another_run(record, run):
        return Standing("foreign", path, problem)
    known = record.provenance
    if known.weights_sha256 != sha256_of(folder / WEIGHTS):
        return Standing("broken", folder / WEIGHTS, "was changed after it was made")
    companion = run.experiment.companion if run.needs_companion else None
    manifests = {places.manifest: known.manifest_sha256}
    if companion is not None:
        manifests[places.manifest_of(companion.name)] = known.companion_sha256
    if problem := _other_manifest(manifests):
        return Standing("foreign", path, problem)
    return judged_by_keys(
        path,
        keys=train_keys(run),
        configuration_key=known.configuration_key,
        code=known.code,
    )


def judge_result(run: Run, places: Places, *, given: bool = False) -> Standing:
    """How a result stands: per-image scores, means, weights, manifest and keys.

    The network that was scored must be the one in the run folder; how that one stands is for
    `judge_run` to say.

    Args:
        run: what must have been evaluated.
        places: of its experiment.
        given: whether the result is that of given weights. If the experiment names them, they must
            have been used; a file that is no longer there is not compared.
    """
    name = run.method.name
    folder = places.given(name) if given else places.result(name, run.repetition)
    path, per_image = folder / RECORD, folder / PER_IMAGE_FILE
    for file in (path, per_image):
        if not file.exists():
            return Standing("missing", file, _absent_weights(run) if given else "")
    try:
        record = read_record(path, ResultRecord)
    except RecordError as error:
        return _unreadable(path, error)
    if problem := _of_another_run(record, run):
        return Standing("foreign", path, problem)
    if (record.row, record.method_kind) != (run.method.entry.row, run.method.entry.kind):
        return Standing("foreign", path, f"is for the row {record.row!r} ({record.method_kind})")
    if record.per_image_sha256 != sha256_of(per_image):
        return Standing("broken", per_image, "was changed after it was made")
    if problem := _wrong_means(record, per_image):
        return Standing("broken", path, problem)
    key = None
    if given:
        key = key_of_given(record)
        problem = _not_given(record) or _other_given(record, run)
    else:
        problem = _wrong_weights(record, run, places) or _wrong_label(record, run)
    if problem:
        return Standing("foreign", path, problem)
    if problem := _other_manifest({places.manifest: record.provenance.manifest_sha256}):
        return Standing("foreign", path, problem)
    standing = judged_by_keys(
        path,
        keys=evaluate_keys(run, given=key),
        configuration_key=record.provenance.configuration_key,
        code=record.provenance.code,
    )
    if standing.state == "fresh" and (names := _computable_now(record, run)):
        return Standing("stale", path, f"lacks {', '.join(names)}, which can be computed now")
    return standing


def _computable_now(record: ResultRecord, run: Run) -> list[str]:
    """Metrics that were not computed for want of something that is there now."""
    known = {n: s for n, s in record.metric_status.items() if s.startswith(NOT_COMPUTED)}
    # Others are not even imported.
    absent = {n: entry for n, entry in run.experiment.metrics.items() if n in known}
    return [name for name, metric in load_metrics(absent).items() if metric.lacks() == ""]


def _unreadable(path: Path, error: RecordError) -> Standing:
    return Standing("broken", path, str(error).removeprefix(f"{path}: "))


def _of_another_run(record: RunRecord | ResultRecord, run: Run) -> str:
    found = (record.method, record.dataset, record.repetition)
    wanted = (run.method.name, run.experiment.dataset.name, run.repetition)
    if found == wanted:
        return ""
    method, dataset, repetition = found
    return f"holds {method}, repetition {repetition}, on {dataset}"


def _wrong_means(record: ResultRecord, per_image: Path) -> str:
    try:
        scores, groups = aggregate(read_per_image(per_image))
    except RecordError as error:
        return str(error)
    same = (scores, groups) == (record.scores, record.groups)
    return "" if same else f"its means are not those of {PER_IMAGE_FILE}"


def _absent_weights(run: Run) -> str:
    """What to do about weights that the experiment names and that are missing; empty otherwise."""
    if run.method.name not in run.experiment.weights:
        return ""
    return missing_weights(run.experiment, run.method.name) or ""


def key_of_given(record: ResultRecord) -> object:
    """What the keys of a result of given weights hold of their file."""
    known = record.given_weights
    return given_key(record.provenance.weights_sha256, known.key if known else None)


def _not_given(record: ResultRecord) -> str:
    there = record.given_weights is not None and record.provenance.weights_sha256 is not None
    return "" if there else "does not say which file of weights it scores"


def _other_given(record: ResultRecord, run: Run) -> str:
    """What is wrong with the file and the label of a result of given weights; empty if nothing."""
    name, used, label = run.method.name, record.provenance.weights_sha256 or "", record.label
    if name not in run.experiment.weights:
        known = known_source(name, used, run.experiment.pins)
        wrong = label == "official weights" and not known
        return "is labeled official weights, but their checksum is not known" if wrong else ""
    wanted = requested_weights(run.experiment, name)
    if wanted.official and wanted.official.is_file() and sha256_of(wanted.official) != used:
        return f"scores other weights than {wanted.official}"
    key = record.given_weights.key if record.given_weights else None
    if key != wanted.key:
        return f"scores the state dict {key or 'by default'}, not {wanted.key or 'by default'}"
    right = label_of_weights(run, used)
    return "" if label == right else f"is labeled {label} instead of {right}"


def _wrong_weights(record: ResultRecord, run: Run, places: Places) -> str:
    """What is wrong with where the weights come from; empty if nothing is."""
    name, used = run.method.name, record.provenance.weights_sha256
    if run.method.entry.recipe is None:
        return "" if used is None else f"scores weights, but {name} has nothing to learn"
    try:
        trained = read_record(places.run(name, run.repetition) / RECORD, RunRecord)
    except RecordError:
        return "the run that it scores is missing or damaged"
    if used != trained.provenance.weights_sha256:
        return "scores other weights than those of the run"
    if record.trained_params != trained.trained_params:
        return "states another number of parameters than the run"
    return ""


def _wrong_label(record: ResultRecord, run: Run) -> str:
    wanted = run.label
    return "" if record.label == wanted else f"is labeled {record.label} instead of {wanted}"


def _other_manifest(manifests: Mapping[Path, str | None]) -> str:
    """Compare with the manifests as they were made: one that was changed is made again."""
    for path, known in manifests.items():
        made = _checksum_as_made(path)
        if made is not None and known != made:
            return f"was made with another {path}"
    return ""


def _checksum_as_made(manifest: Path) -> str | None:
    try:
        return read_record(record_of(manifest), StepRecord).outputs.get(manifest.name)
    except RecordError:
        return sha256_of(manifest) if manifest.exists() else None
