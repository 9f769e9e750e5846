"""Damaged tolerances: declared errors, nothing else."""

from __future__ import annotations

from pathlib import Path

import yaml
from support.fuzz import from_file, fuzz
from support.mutations import mutations, other_values

from pipeline.config.tolerances import TOLERANCES_FILE, load_tolerances
from pipeline.errors import ConfigError


def test_damaged_tolerances(tmp_path: Path) -> None:
    read = from_file(tmp_path / "tolerances.yaml", load_tolerances)
    fuzz(read, mutations([TOLERANCES_FILE.read_bytes()]), refusals=(ConfigError,))


def test_other_values_of_tolerances(tmp_path: Path) -> None:
    read = from_file(tmp_path / "tolerances.yaml", load_tolerances)
    tree = yaml.safe_load(TOLERANCES_FILE.read_text())
    fuzz(read, other_values(tree), refusals=(ConfigError,))
