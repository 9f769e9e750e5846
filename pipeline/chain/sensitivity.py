"""Sensitivity tables: whether they belong to the result beside them."""

from __future__ import annotations

from pathlib import Path

from pipeline.artifacts import RECORD, SENSITIVITY
from pipeline.chain.results import key_of_given
from pipeline.chain.standing import Standing, judged_by_keys
from pipeline.errors import RecordError
from pipeline.files import sha256_of
from pipeline.keys import sensitivity_keys
from pipeline.places import Places
from pipeline.records import ResultRecord, SensitivityRecord, read_record
from pipeline.run import Run


def judge_sensitivity(run: Run, places: Places, *, given: bool = False) -> Standing:
    """How the sensitivity table of a result stands.

    The result must be the one that it was made for; how that one stands is for `judge_result` to
    say.

    Args:
        run: what must have been scored.
        places: of its experiment.
        given: whether the result is that of given weights.
    """
    name = run.method.name
    folder = places.given(name) if given else places.result(name, run.repetition)
    path, result = folder / SENSITIVITY, folder / RECORD
    for file in (path, result):
        if not file.exists():
            return Standing("missing", file)
    try:
        record = read_record(path, SensitivityRecord)
        scored = read_record(result, ResultRecord)
    except RecordError as error:
        found, _, problem = str(error).partition(": ")
        return Standing("broken", Path(found), problem)
    if record.result_sha256 != sha256_of(result):
        return Standing("foreign", path, f"was made for another {RECORD}")
    return judged_by_keys(
        path,
        keys=sensitivity_keys(run, given=key_of_given(scored) if given else None),
        configuration_key=record.provenance.configuration_key,
        code=record.provenance.code,
    )
