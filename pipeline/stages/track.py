"""Tracking stage: records into MLflow."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pipeline.files import write_text
from pipeline.tracking.ingest import ingest


def track_records(
    runs: Path, results: Path, tables: list[Path], uri: str, artifacts: Path, output: Path | None
) -> str:
    """Ingest one data set's records, see `ingest`; return a one-line summary.

    Raises:
        RecordError: a record is malformed.
        DataError: the store cannot be opened or written.
    """
    summary = asdict(ingest(runs, results, tables, uri, artifacts))
    if output is not None:
        write_text(output, json.dumps(summary, indent=1) + "\n")
    return ", ".join(f"{count} {name}" for name, count in summary.items())
