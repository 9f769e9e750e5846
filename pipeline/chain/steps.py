"""Artifacts with a step record: manifests, stores, patch indexes, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.chain.standing import Standing, judged_by_keys
from pipeline.config.experiment import Experiment
from pipeline.errors import RecordError
from pipeline.files import sha256_of
from pipeline.keys import Keys
from pipeline.records import StepRecord, read_record, write_record


def write_step(
    path: Path,
    step: str,
    *,
    experiment: Experiment | None,
    keys: Keys,
    inputs: Mapping[str, Path],
    outputs: Sequence[Path],
) -> None:
    """Write the record of a step when its outputs are complete.

    Args:
        path: the record; the outputs are in or below its folder.
        step: name of the step.
        experiment: what it was made for; `None` if it does not depend on one.
        keys: what it depends on.
        inputs: files that it was made from, by their part in the step.
        outputs: the files that it made.

    Raises:
        DataError: a file cannot be read, or the record cannot be written.
    """
    record = StepRecord(
        step=step,
        experiment="" if experiment is None else experiment.name,
        configuration_key=keys.configuration,
        code=dict(keys.code),
        inputs={name: sha256_of(file) for name, file in inputs.items()},
        outputs={file.relative_to(path.parent).as_posix(): sha256_of(file) for file in outputs},
    )
    write_record(path, record)


def judge_step(
    path: Path,
    *,
    keys: Keys,
    inputs: Mapping[str, Path],
    outputs: Sequence[Path],
    needs_inputs: bool = False,
) -> Standing:
    """How a step stands: by its record, and by the content of what it read and made.

    Args:
        path: the record.
        keys: what the experiment requests.
        inputs: files that it must have been made from, by their part in the step.
        outputs: files that it must have made.
        needs_inputs: whether it is foreign if an input no longer exists. Otherwise that one is not
            compared.
    """
    for file in (*outputs, path):
        if not file.exists():
            return Standing("missing", file)
    try:
        record = read_record(path, StepRecord)
    except RecordError as error:
        return Standing("broken", path, str(error).removeprefix(f"{path}: "))
    for file in outputs:
        if record.outputs.get(file.relative_to(path.parent).as_posix()) != sha256_of(file):
            return Standing("broken", file, "was changed after it was made")
    there = {name: file for name, file in inputs.items() if file.exists()}
    for name, file in inputs.items():
        if needs_inputs and name in record.inputs and name not in there:
            return Standing("foreign", path, f"made from {file}, which is missing")
    if record.inputs.keys() - inputs.keys() or there.keys() - record.inputs.keys():
        return Standing("foreign", path, "made from other files")
    for name, file in there.items():
        if record.inputs[name] != sha256_of(file):
            return Standing("foreign", path, f"made from another {file.name} ({file})")
    return judged_by_keys(
        path, keys=keys, configuration_key=record.configuration_key, code=record.code
    )
