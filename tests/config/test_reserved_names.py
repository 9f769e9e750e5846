"""Experiments must not take the folders of reports that the repository keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import CONFIG

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError


@pytest.mark.parametrize("name", ["published", "counted"])
def test_a_reserved_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text((CONFIG / "demo.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"'{name}' is the folder of"):
        load_experiment(path)
