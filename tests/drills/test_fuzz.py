"""Every kind of file, with 100,000 damaged inputs: success or the declared error.

Needs: nothing. With `atheris` (`pip install atheris`), inputs are chosen by the code that they
reach. The inputs of a kind are shared among its tests. Takes about an hour on one core.
`DMTBENCH_FUZZ` sets another number of inputs.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import REPOSITORY

pytestmark = [pytest.mark.drill, pytest.mark.slow]

COUNT = int(os.environ.get("DMTBENCH_FUZZ", "100000"))
GUIDED = bool(find_spec("atheris"))
FOLDER = Path("tests", "fuzz")
# The evaluator of claims is the one reader that runs what a file says.
TARGETS = [
    *sorted(str(FOLDER / path.name) for path in (REPOSITORY / FOLDER).glob("test_*.py")),
    str(FOLDER / "test_fuzz_audit.py::test_expressions"),
]
PROBE = 300


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: readers open millions of files."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else tmp_path
    made = Path(tempfile.mkdtemp(prefix="fuzz-", dir=place))
    yield made
    shutil.rmtree(made)


def fed(target: str, count: int, folder: Path) -> int:
    """Run a target with so many inputs for each of its readers; returns their sum."""
    command = [sys.executable, "-m", "pytest", "-q", "-rP", f"--basetemp={folder / 'fuzz'}"]
    command += ["-p", "no:cacheprovider", *(["-p", "support.guided_fuzz"] if GUIDED else [])]
    done = subprocess.run(
        [*command, target],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DMTBENCH_FUZZ": str(count),
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    figures = [line for line in done.stdout.splitlines() if " inputs: " in line]
    print(*figures, sep="\n")
    return sum(int(line.split()[0]) for line in figures)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.rpartition("test_")[2])
def test_readers(target: str, folder: Path) -> None:
    # Readers that need a process for each input take a fraction of what they are given.
    share = PROBE / fed(target, PROBE, folder)
    total = fed(target, math.ceil(1.01 * share * COUNT), folder)
    print(f"{target}: {total} inputs")
    assert total >= COUNT
