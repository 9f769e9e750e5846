"""Makes the record of a study from the records that went in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.artifacts import RECORD
from pipeline.config.experiment import Experiment
from pipeline.files import sha256_of
from pipeline.places import Places
from pipeline.public_text import public_values
from pipeline.records import (
    Provenance,
    ResultRecord,
    RunRecord,
    StudyInput,
    StudyMethod,
    StudyRecord,
    read_record,
)
from pipeline.study.collecting import methods_of_study, sources_of
from pipeline.study.pairs import study_of

_LEFT_OUT = ("gpu_peak_memory_mb", "platform")
"""What a record states of a machine, but differs from job to job or names a build of its kernel."""


def study_record(
    experiment: Experiment, published: pd.DataFrame, files: Sequence[Path]
) -> StudyRecord:
    """The record of a study whose tables are complete.

    Args:
        experiment: has a study.
        published: the paper's Table 1.
        files: the tables.

    Raises:
        RecordError: a record cannot be read.
        DataError: a table or the manifest cannot be read.
    """
    sources = sources_of(experiment)
    results = {
        source.name: (source.result / RECORD, read_record(source.result / RECORD, ResultRecord))
        for source in sources
    }
    runs = {
        source.name: (source.run / RECORD, read_record(source.run / RECORD, RunRecord))
        for source in sources
        if source.run is not None
    }
    of_runs = [record.provenance for _, record in runs.values()]
    of_results = [record.provenance for _, record in results.values()]
    made = [*of_runs, *of_results]
    created = sorted(one.created for one in made)
    return StudyRecord(
        experiment=experiment.name,
        dataset=experiment.dataset.name,
        config=public_values(experiment.model_dump(mode="json")),
        config_hash=experiment.digest(),
        study=study_of(experiment).model_dump(mode="json"),
        methods=_methods(experiment, published),
        manifest_sha256=sha256_of(Places.of(experiment).manifest),
        runs={name: _input(path, record.provenance) for name, (path, record) in runs.items()},
        results={name: _input(path, record.provenance) for name, (path, record) in results.items()},
        packages=_all_values(one.packages for one in made),
        hardware=_all_values(
            {name: fact for name, fact in one.hardware.items() if name not in _LEFT_OUT}
            for one in made
        ),
        commits=tuple(sorted({_commit(one) for one in made})),
        training_s=sum(one.wall_s for one in of_runs),
        evaluation_s=sum(one.wall_s for one in of_results),
        labels=tuple(sorted({record.label for _, record in results.values()})),
        created=(created[0], created[-1]),
        files={file.name: sha256_of(file) for file in files},
    )


def _methods(experiment: Experiment, published: pd.DataFrame) -> dict[str, StudyMethod]:
    sizes = published.set_index("method")["params_m"].dropna()
    found = {}
    for name in methods_of_study(experiment):
        entry, recipe = experiment.entry(name), experiment.recipe_of(name)
        found[name] = StudyMethod(
            row=entry.row,
            kind=entry.kind,
            module=entry.module,
            kwargs=experiment.trained_kwargs(name),
            own_kwargs=entry.kwargs,
            recipe=None if recipe is None else recipe.model_dump(mode="json"),
            published_params_m=float(sizes[entry.row]) if entry.row in sizes.index else None,
        )
    return found


def _input(path: Path, made: Provenance) -> StudyInput:
    return StudyInput(
        sha256=sha256_of(path), configuration_key=made.configuration_key, code=made.code
    )


def _commit(made: Provenance) -> str:
    changed = {True: " with changes", False: "", None: ", state unknown"}[made.git_dirty]
    return f"{made.git_commit or 'no commit'}{changed}"


def _all_values(facts: Iterable[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Every value that was stated under a name, sorted."""
    found: dict[str, set[str]] = {}
    for one in facts:
        for name, value in one.items():
            found.setdefault(name, set()).add(value)
    return {name: tuple(sorted(values)) for name, values in found.items()}
