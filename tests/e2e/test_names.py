"""The whole DAG where every path that a user chooses would be a command if it were not quoted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.fixture_types import Tiny
from support.paths import PUBLISHED, REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# A name that makes a file in the current folder wherever it is not quoted.
TRAP = "a b; $(touch x1) `touch x2` '\" & {method} {0}"


def test_nothing_in_a_name_is_executed(tmp_path: Path, tiny: Tiny) -> None:
    project, elsewhere = tmp_path / "pro ject $(touch x3)", tmp_path / TRAP
    shutil.copytree(PUBLISHED, project / "reports" / "published")
    shutil.copytree(tiny.raw, elsewhere / "images")
    shutil.copy(REPOSITORY / "Snakefile", project)
    (project / "pipeline").symlink_to(REPOSITORY / "pipeline")
    data = yaml.safe_load(tiny.config.read_text())
    data["dataset"] = {"kind": "folder", "name": "mine", "root": str(elsewhere / "images")}
    data["only"] = ["input", "unsharp", "dmtnet-b"]
    config = elsewhere / f"{TRAP}.yaml"
    config.write_text(yaml.safe_dump(data))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--cores", "2", "--config", str(config)],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(project / "reports" / "table1.csv")
    assert set(table["dataset"].dropna()) >= {"mine"}
    found = [path for path in tmp_path.rglob("x[123]*") if ".git" not in path.parts]
    assert found == []
