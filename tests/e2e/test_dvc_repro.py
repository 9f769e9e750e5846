"""`dvc repro` on a miniature, twice: the second time it runs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.clones import git
from support.dvc_lab import did_nothing, make_repository, rules_run, shell

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_the_second_time_it_does_nothing(tmp_path: Path) -> None:
    pytest.importorskip("dvc")
    make_repository(tmp_path, ["dmtnet-t", "input"])
    ran = rules_run(shell(tmp_path, "dvc repro"))
    assert {"data", "store", "patches", "train", "table1", "verdicts", "track", "html"} < {*ran}
    assert did_nothing(shell(tmp_path, "dvc repro"))
    shown = json.loads(shell(tmp_path, "dvc metrics show --json"))
    values = shown[""]["data"]["reports/metrics.json"]["data"]["demo"]
    assert set(values) == {"DMTNet-T", "Input (no deblurring)"}
    # Outputs are for DVC, not for git.
    assert git(tmp_path, "status", "--porcelain").split() == ["??", "dvc.lock"]
