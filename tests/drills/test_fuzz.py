"""Every reader of files, with 100,000 damaged inputs: success or the declared error.

Needs: nothing. With `atheris` (`pip install atheris`), inputs are chosen by the code that they
reach. Takes hours: the reader of images needs 20 s, the one of experiments half an hour.
`DMTBENCH_FUZZ` sets another number of inputs.
"""

from __future__ import annotations

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
SHARES = {COUNT, COUNT // 3, COUNT // 100}
"""The readers that need a process for each input get fewer (`tests/fuzz/test_fuzz_weights.py`)."""
GUIDED = bool(find_spec("atheris"))
TARGETS = sorted((REPOSITORY / "tests" / "fuzz").glob("test_*.py"), key=lambda path: path.name)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: readers open millions of files."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else tmp_path
    made = Path(tempfile.mkdtemp(prefix="fuzz-", dir=place))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("target", TARGETS, ids=lambda path: path.stem)
def test_readers(target: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-rP", f"--basetemp={folder / 'fuzz'}"]
    command += ["-p", "no:cacheprovider", *(["-p", "support.guided_fuzz"] if GUIDED else [])]
    done = subprocess.run(
        [*command, str(target)],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DMTBENCH_FUZZ": str(COUNT),
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    figures = [line for line in done.stdout.splitlines() if " inputs: " in line]
    print(*figures, sep="\n")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    counts = [int(line.split()[0]) for line in figures]
    assert COUNT in counts
    assert {*counts} <= SHARES
