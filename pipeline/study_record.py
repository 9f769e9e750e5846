"""The record of a study: the results that went in, and the tables that came out."""

from __future__ import annotations

from typing import Any, Literal

from pipeline.record_base import Record


class StudyMethod(Record):
    """A method of a study.

    `kwargs`: constructor arguments of the trained network; `own_kwargs`: those that distinguish the
    method from others of its module. `recipe`: with its budget; `None` if nothing is trained.
    `published_params_m`: parameters in the paper's Table 1, in millions.
    """

    row: str
    kind: str
    module: str
    kwargs: dict[str, Any]
    own_kwargs: dict[str, Any]
    recipe: dict[str, Any] | None
    published_params_m: float | None


class StudyInput(Record):
    """A run or result record that went in: SHA-256 of the file, and the keys that it states."""

    sha256: str
    configuration_key: str
    code: dict[str, str]


class StudyRecord(Record):
    """`reports/<experiment>/study.json`: what a study was made from, beside its tables.

    `config`: the whole resolved experiment; `config_hash`: its SHA-256. `study`: what was asked.
    `methods`: by name, in the order of the tables. `manifest_sha256`: of the data. `runs`,
    `results`: the records that went in, by name of the folder. `packages`, `hardware`, `commits`:
    all values that those records state. `training_s`, `evaluation_s`: sums of their wall times in
    seconds; a training that was resumed counts from its last start. `labels`: of the results.
    `created`: of the oldest and of the newest record. `files`: SHA-256 of the tables beside it.
    """

    kind: Literal["study"] = "study"
    experiment: str
    dataset: str
    config: dict[str, Any]
    config_hash: str
    study: dict[str, Any]
    methods: dict[str, StudyMethod]
    manifest_sha256: str
    runs: dict[str, StudyInput]
    results: dict[str, StudyInput]
    packages: dict[str, tuple[str, ...]]
    hardware: dict[str, tuple[str, ...]]
    commits: tuple[str, ...]
    training_s: float
    evaluation_s: float
    labels: tuple[str, ...]
    created: tuple[str, str]
    files: dict[str, str]
