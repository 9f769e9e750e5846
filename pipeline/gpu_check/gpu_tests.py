"""Part `tests`: the tests that need a GPU."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from pipeline.gpu_check.rows import Planned, Skipped, TestsRow
from pipeline.gpu_check.setting import Setting

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "pytest -m gpu"
_NOTHING_SELECTED = 5
_SHOWN = 10


def run(setting: Setting, tests: str = "tests") -> Iterator[Planned | Skipped | TestsRow]:
    """Run pytest on a folder of the checkout.

    Raises:
        RuntimeError: pytest did not come to its end.
    """
    if not (CHECKOUT / tests).is_dir():
        yield Skipped(reason="the tests are not installed; run it in a checkout of the project")
        return
    if importlib.util.find_spec("pytest") is None:
        yield Skipped(reason="pytest is not installed; install the extra `dev`")
        return
    yield Planned(names=(NAME,))
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            tests,
            "-m",
            "gpu",
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run([*command, f"--junitxml={report}"], cwd=CHECKOUT, stdout=sys.stderr)
        if done.returncode not in (0, 1):
            nothing = done.returncode == _NOTHING_SELECTED
            why = "no test has the mark" if nothing else f"status {done.returncode}"
            raise RuntimeError(f"{NAME} ended early: {why}")
        yield counted(report.read_text(encoding="utf-8"))


def counted(report: str) -> TestsRow:
    """Numbers and names from pytest's JUnit report.

    >>> counted('<s><testcase name="a"/><testcase name="b"><failure/></testcase></s>').failing
    ('b',)
    """
    cases = list(ElementTree.fromstring(report).iter("testcase"))
    failing = [
        str(case.get("name"))
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    skips = [skip.get("message", "") for case in cases for skip in case.iter("skipped")]
    return TestsRow(
        name=NAME,
        passed=len(cases) - len(failing) - len(skips),
        failed=len(failing),
        skipped=len(skips),
        failing=tuple(failing[:_SHOWN]),
        reasons=tuple(sorted(set(skips)))[:_SHOWN],
    )
