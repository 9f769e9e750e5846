"""Every reader of files, with 100,000 damaged inputs or more: success or the declared error.

Needs: nothing. With `atheris` (`pip install atheris`), every reader gets as many inputs again,
chosen by the code that they reach. Takes hours: the reader of images needs 20 s, the one of
experiments half an hour. `DMTBENCH_FUZZ` sets another number of inputs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import REPOSITORY

pytestmark = [pytest.mark.drill, pytest.mark.slow]

COUNT = os.environ.get("DMTBENCH_FUZZ", "100000")
TARGETS = sorted((REPOSITORY / "tests" / "fuzz").glob("test_*.py"), key=lambda path: path.name)


@pytest.mark.parametrize("guided", [False, True], ids=["seeded", "guided"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda path: path.stem)
def test_readers(target: Path, guided: bool, tmp_path: Path) -> None:
    if guided and not find_spec("atheris"):
        pytest.skip("needs atheris (`pip install atheris`)")
    command = [sys.executable, "-m", "pytest", "-q", "-rP", f"--basetemp={tmp_path / 'fuzz'}"]
    command += ["-p", "no:cacheprovider", *(["-p", "support.guided_fuzz"] if guided else [])]
    done = subprocess.run(
        [*command, str(target)],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DMTBENCH_FUZZ": COUNT,
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    figures = [line for line in done.stdout.splitlines() if " inputs: " in line]
    print(*figures, sep="\n")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert f"{COUNT} inputs" in figures[0]
