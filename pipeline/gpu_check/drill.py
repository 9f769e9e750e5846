"""Part `kill`: a training that is killed and resumed equals an uninterrupted one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

from pipeline.gpu_check.gpu_tests import CHECKOUT
from pipeline.gpu_check.rows import DrillRow, Planned, Skipped
from pipeline.gpu_check.setting import Setting

MODULE = "benchmarks.kill_training"
KILLS = 3
_DEVICE = "--device"
# Its waits add up to less than the training, which must not end before the last kill.
_SEED = ("--seed", "375")
_SUMMARY = re.compile(r"(?P<kills>\d+) kills .*(byte-identical|DIFFERENT)")


def run(setting: Setting) -> Iterator[Planned | Skipped | DrillRow]:
    """Run the drill of the benchmarks in a short form.

    Raises:
        RuntimeError: it did not come to its end.
    """
    if not (CHECKOUT / f"{MODULE.replace('.', '/')}.py").is_file():
        yield Skipped(reason="the benchmarks are not installed; run it in a checkout")
        return
    chooses = _DEVICE in _output("--help").stdout
    if setting.kind == "cuda" and not chooses:
        yield Skipped(reason=f"{MODULE} of this checkout has no {_DEVICE}: it would use the CPU")
        return
    yield Planned(names=(MODULE,))
    numbers = ["--kills", str(KILLS), "--epochs", str(setting.scale.drill_epochs), *_SEED]
    done = _output(*numbers, *([_DEVICE, setting.kind] if chooses else []))
    lines = done.stdout.strip().splitlines()
    summary = lines[-1] if lines else ""
    found = _SUMMARY.match(summary)
    if found is None:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise RuntimeError(f"the drill ended early: {reason}")
    kills = int(found["kills"])
    yield DrillRow(
        name=MODULE,
        kills=kills,
        identical="byte-identical" in summary and not done.returncode,
        summary=summary,
    )
    if kills < KILLS:
        raise RuntimeError(f"the training ended after {kills} of {KILLS} kills")


def _output(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", MODULE, *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
