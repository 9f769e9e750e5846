"""SIGTERM to Snakemake alone reaches the command of its job, and only there."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# As Snakemake in a job: its handler, set later, waits for the command and does not tell it.
JOB = """
import signal, subprocess, sys
from types import SimpleNamespace
from pipeline.workflow.pass_on import pass_on_sigterm
main, local = (word == "True" for word in sys.argv[1:])
pass_on_sigterm(SimpleNamespace(is_main_process=main, local_exec=local))
signal.signal(signal.SIGTERM, lambda *_: None)
command = "trap 'echo saved; exit 75' TERM; echo ready; for _ in $(seq 50); do sleep 0.1; done"
print("ended with", subprocess.run(["bash", "-c", command]).returncode)
"""


@pytest.mark.parametrize(
    ("main", "local", "end"),
    [
        (False, True, ["saved", "ended with 75"]),
        (True, True, ["ended with 0"]),
        (False, False, ["ended with 0"]),
    ],
)
def test_sigterm_reaches_the_command(main: bool, local: bool, end: list[str]) -> None:
    command = [sys.executable, "-u", "-c", JOB, str(main), str(local)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "ready\n"
        job.send_signal(signal.SIGTERM)
        assert job.stdout.read().splitlines() == end
