"""Tracking stage: records whose chain is checked into MLflow."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.chain.experiment import Chain
from pipeline.chain.report_files import FILES
from pipeline.chain.reports import TRACKED, record_report, track_report
from pipeline.chain.shown import shown_records
from pipeline.config.experiment import Experiment
from pipeline.files import write_text
from pipeline.places import Places
from pipeline.tracking.ingest import ingest


def track_records(experiment: Experiment, uri: str, artifacts: Path) -> str:
    """Import the runs, results and reports of an experiment into MLflow, see `ingest`.

    Returns:
        A summary in one line.

    Raises:
        RecordError: a record is foreign or broken.
        DataError: the store cannot be opened or written.
    """
    chain, places, report = Chain(experiment), Places.of(experiment), track_report(experiment)
    shown = shown_records(experiment, [*experiment.methods, *experiment.ablations])
    trained = [name for name in chain.artifacts if name.startswith("train ")]
    names = shown.folders | {
        name.removeprefix("train ") for name in trained if chain.standing(name).usable
    }
    # By name: other jobs may be writing theirs into the same folder.
    files = [places.reports / file for name in TRACKED for file in FILES[name]]
    tables = [path for path in sorted(files) if path.exists()]
    done = ingest(places.runs, places.results, tables, uri, artifacts, names, experiment.name)
    summary = asdict(done)
    write_text(report.files[0], json.dumps(summary, indent=1) + "\n")
    record_report(experiment, report)
    return ", ".join(f"{count} {name}" for name, count in summary.items())
