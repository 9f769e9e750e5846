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
SIGNALS = 3
# Its moments add up to less than the training, which must not end before the last signal.
_SEED = ("--seed", "375")
_SUMMARY = re.compile(r"(?P<signals>\d+) signals .*(byte-identical|DIFFERENT)")


def run(setting: Setting) -> Iterator[Planned | Skipped | DrillRow]:
    """Run the drill of the benchmarks in a short form.

    Raises:
        RuntimeError: it did not come to its end, or too early.
    """
    if not (CHECKOUT / f"{MODULE.replace('.', '/')}.py").is_file():
        yield Skipped(reason="the benchmarks are not installed; run it in a checkout")
        return
    yield Planned(names=(MODULE,))
    length = f"--epochs={setting.scale.drill_epochs}"
    done = _output(f"--signals={SIGNALS}", length, *_SEED, f"--device={setting.kind}")
    lines = done.stdout.strip().splitlines()
    summary = lines[-1] if lines else ""
    found = _SUMMARY.match(summary)
    if found is None:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise RuntimeError(f"the drill ended early: {reason}")
    sent = int(found["signals"])
    yield DrillRow(
        name=MODULE,
        signals=sent,
        identical="DIFFERENT" not in summary,
        summary=summary,
    )
    if sent < SIGNALS:
        raise RuntimeError(f"the training ended after {sent} of {SIGNALS} signals")


def _output(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", MODULE, *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
