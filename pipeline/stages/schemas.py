"""Schemas stage: the JSON Schemas of all records and configuration files."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config.schemas import configuration_schemas
from pipeline.files import write_text
from pipeline.records import record_schemas


def write_schemas(folder: Path) -> list[Path]:
    """Write each schema to `<name>.schema.json` in `folder`; returns the files.

    Raises:
        DataError: the folder is read-only or full.
    """
    written = []
    for name, schema in (record_schemas() | configuration_schemas()).items():
        target = folder / f"{name}.schema.json"
        write_text(target, json.dumps(schema, indent=2) + "\n")
        written.append(target)
    return written
