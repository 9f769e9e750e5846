"""Output where the language setting has no letters for a name: codes in their place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.paths import REPOSITORY, TINY

ROW = "Défocus 模糊"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", b"D\\xe9focus \\u6a21"), ("latin-1", b"D\xe9focus \\u6a21")]
)
def test_names_beyond_the_encoding(tmp_path: Path, encoding: str, shown: bytes) -> None:
    data = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    entry = {"module": "baselines.controls", "row": ROW, "kind": "control"}
    data["methods"] = {"mine": {**entry, "kwargs": {"control": "mean"}}}
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(data))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "methods", "--config", str(config)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": encoding},
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert shown in done.stdout
