"""A hundred SIGKILLs at random moments of `dmtbench run`, over all kinds of its processes.

Needs nothing; takes about an hour on two cores. `-s` shows each signal as it is sent.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from support.paths import REPOSITORY

from benchmarks.kill_targets import KINDS

pytestmark = [pytest.mark.drill, pytest.mark.slow]

SIGNALS = 5 * len(KINDS)


def test_a_hundred_kills_of_everything() -> None:
    assert SIGNALS >= 100
    options = ["--signals", str(SIGNALS), "--kill"]
    lines = []
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.kill_workflow", *options],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    ) as drill:
        assert drill.stdout is not None
        for line in drill.stdout:
            lines.append(line)
            print(line, end="", flush=True)
    assert drill.returncode == 0
    counts = {kind: int(n) for n, kind in re.findall(r"(\d+) (\w+) SIGKILL\n", "".join(lines))}
    assert {*counts} == {*KINDS}
    assert sum(counts.values()) == SIGNALS
