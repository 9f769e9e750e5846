"""Reads what the page shows, each with its chain checked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.artifacts import RECORD
from pipeline.audit.checking import Line, audit
from pipeline.chain.experiment import Chain
from pipeline.chain.report_rows import TABLES, methods_of
from pipeline.chain.shown import shown_records
from pipeline.config.experiment import Experiment
from pipeline.errors import DataError
from pipeline.html_report.inputs import PageInputs
from pipeline.places import COUNTED, PUBLISHED, Places
from pipeline.public_text import public_path
from pipeline.records import RunRecord, read_record
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.published import read_published_table1
from pipeline.reporting.tables import read_table
from pipeline.verify.own import read_scored


def read_inputs(experiment: Experiment, config: Path, chain: Chain) -> PageInputs:
    """Read what the page of an experiment shows, in the current folder.

    Args:
        experiment: what was requested.
        config: its file, for the commands on the page.
        chain: of the experiment.

    Raises:
        RecordError: a result is foreign or broken, or the records of one row do not belong
            together.
        DataError: a table cannot be read.
        ConfigError: a metric's module breaks the contract.
    """
    places = Places.of(experiment)
    methods = dict.fromkeys(name for table in TABLES for name in methods_of(experiment, table))
    shown = shown_records(experiment, list(methods), chain)
    folders = sorted(places.results / name for name in shown.folders)
    return PageInputs(
        experiment=experiment,
        config=public_path(str(config)),
        table1=read_table(places.reports / "table1.csv"),
        table2=read_table(places.reports / "table2.csv"),
        verdicts=_texts(places.reports / "verdicts.csv"),
        comparisons=_texts(places.reports / "comparisons.csv"),
        scored=dict(zip(folders, read_scored(folders), strict=True)),
        runs=_runs(chain, list(methods)),
        sizes={size.method: size for size in shown.sizes},
        metrics=shown_metrics(experiment.metrics),
        paper_rows=tuple(read_published_table1(PUBLISHED / "table1.csv")["method"]),
        audit=_audit(),
        stale=shown.stale,
    )


def _texts(path: Path) -> pd.DataFrame:
    """A table whose cells stay as they are written.

    Raises:
        DataError: it is missing or not a table.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a table ({reason}); run `dmtbench verdicts`") from error


def _runs(chain: Chain, methods: list[str]) -> dict[Path, RunRecord]:
    """Records of trainings that may be shown."""
    found = {}
    for method, repetition in chain.experiment.runs_of(methods):
        name = f"train {method}-seed{repetition}"
        if name in chain.artifacts and chain.standing(name).usable:
            folder = chain.places.run(method, repetition)
            found[folder] = read_record(folder / RECORD, RunRecord)
    return found


def _audit() -> tuple[Line, ...]:
    """Empty where the counts of all networks are not there: they come with the repository."""
    return tuple(audit(PUBLISHED, COUNTED)) if COUNTED.exists() else ()
