"""Experiment files that differ from the miniature's in some values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from support.fixture_types import Tiny


def changed_config(folder: Path, tiny: Tiny, changes: dict[str, Any]) -> Path:
    """Write the miniature's experiment with changes, by path such as `recipes/dmtnet/epochs`."""
    data = yaml.safe_load(tiny.config.read_text())
    for where, value in changes.items():
        *parents, last = where.split("/")
        block = data
        for parent in parents:
            block = block.setdefault(parent, {})
        block[last] = value
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path
