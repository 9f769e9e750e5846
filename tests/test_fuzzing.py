"""The harness of `tests/fuzz`: what it feeds and counts, and what it takes for too slow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import fuzz
from support.fuzz import seeded
from support.mutations import mutations
from support.paths import REPOSITORY

SEALED = """
from support.fuzz import fuzz
from support.mutations import mutations


def test_sealed():
    def read(file):
        assert file[0] == sum(file[1:]) % 256

    inputs = mutations([b"abc" * 20]).passed_through(lambda body: bytes([sum(body) % 256]) + body)
    fuzz(read, inputs, refusals=())
"""
STOPPED = """
import os
import subprocess
import time
from support import fuzz

fuzz.WAIT_LIMIT_S = 2.0


def read(content):
    me = os.getpid()
    stopped = f"sleep 0.1; kill -STOP {me}; sleep 3; kill -CONT {me}"
    subprocess.Popen(["sh", "-c", stopped])
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        time.sleep(0.01)


print(fuzz._outcome(read, b"", ()))
"""


@pytest.mark.parametrize("plugin", ["support.fuzz", "support.guided_fuzz"])
def test_every_input_reaches_the_reader_in_its_seal(tmp_path: Path, plugin: str) -> None:
    if plugin == "support.guided_fuzz" and not find_spec("atheris"):
        pytest.skip("needs atheris")
    (tmp_path / "test_sealed.py").write_text(SEALED)
    done = _python(tmp_path, "-m", "pytest", "-q", "-rP", "-p", plugin, "test_sealed.py")
    assert "300 inputs: accepted 300;" in done, done


def test_a_reader_that_waits_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "WAIT_LIMIT_S", 0.2)
    report = seeded(lambda content: time.sleep(5), mutations([b"a"]), (), count=1, seed=0)
    assert report.outcomes == {"FAILED TooSlow": 1}
    assert 0.2 <= report.slowest_s < 4


def test_a_reader_that_was_stopped_is_not_too_slow(tmp_path: Path) -> None:
    assert _python(tmp_path, "-c", STOPPED).strip() == "accepted"


def _python(folder: Path, *arguments: str) -> str:
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "DMTBENCH_FUZZ": "300", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
