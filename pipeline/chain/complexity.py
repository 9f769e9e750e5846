"""Complexity records: whether they count what the experiment requests."""

from __future__ import annotations

from pipeline.chain.standing import Standing
from pipeline.config.experiment import Experiment
from pipeline.errors import RecordError
from pipeline.evaluation.complexity import complexity_key
from pipeline.methods import get_method
from pipeline.places import Places
from pipeline.records import ComplexityRecord, read_record


def judge_complexity(experiment: Experiment, name: str) -> Standing:
    """How the complexity record of a method or ablation stands."""
    path, size = Places.complexity(name), experiment.complexity_size
    if not path.exists():
        return Standing("missing", path)
    try:
        record = read_record(path, ComplexityRecord)
    except RecordError as error:
        return Standing("broken", path, str(error).removeprefix(f"{path}: "))
    if (record.method, record.size) != (name, size):
        return Standing("foreign", path, f"counts {record.method} at {record.size}")
    if record.key != complexity_key(get_method(name, experiment), size):
        return Standing("stale", path, "counted with other code, arguments or libraries")
    return Standing("fresh", path)
