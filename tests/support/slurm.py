"""A real SLURM cluster of two nodes for drills, in namespaces of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from support.paths import REPOSITORY, TESTS

_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "setpriv", "unshare", "nsenter", "ip")
_NAMESPACES = ("--mount", "--pid", "--net", "--uts")
_SCRIPT = TESTS / "support" / "slurm_cluster.sh"
_START_S = 60.0
NODES = ("node1", "node2")


def why_not() -> str:
    """Why no cluster can be started here; empty if one can."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: slurm-wlm munge util-linux iproute2)"
    if subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True).returncode:
        return "needs the right to make namespaces (root)"
    return ""


def wait_until(what: str, found: Callable[[], object], seconds: float = 900.0) -> None:
    """Wait until something is found.

    Raises:
        AssertionError: it is not.
    """
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)


class Cluster(ExitStack):
    """A cluster, as a context manager; all of its processes end with it.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __enter__(self) -> Cluster:
        # Nothing outlives this process, however it ends.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES]
        command += ["--mount-proc", "--fork", "--kill-child"]
        self.folder.mkdir()
        with (self.folder / "cluster.out").open("wb") as log:
            self._outside = subprocess.Popen(
                [*command, "bash", str(_SCRIPT), str(self.folder)], stdout=log, stderr=log
            )
        self.callback(self._stop)
        wait_until("two idle nodes", lambda: self._nodes_in("idle") == len(NODES), _START_S)
        return self

    def start(
        self, *words: str, cwd: Path, log: Path, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a command on the machine from which jobs are submitted."""
        given = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{REPOSITORY}:{TESTS}",
            **environment,
        }
        with log.open("ab") as stream:
            return subprocess.Popen(
                [*self._inside(), "env", f"--chdir={cwd}", *words],
                env=given,
                stdout=stream,
                stderr=stream,
            )

    def ask(self, *words: str) -> str:
        """Run a command there; its output.

        Raises:
            CalledProcessError: it fails.
        """
        done = subprocess.run(
            [*self._inside(), *words], capture_output=True, text=True, check=True, timeout=120
        )
        return done.stdout.strip()

    def job_of(self, comment: str) -> tuple[str, str] | None:
        """Number and node of the running job whose comment holds this text."""
        lines = self.ask("squeue", "--noheader", "--states=RUNNING", "--format=%i|%N|%k")
        for job, node, about in (line.split("|", 2) for line in lines.splitlines()):
            if comment in about:
                return job, node
        return None

    def restart_controller(self, away_s: float) -> None:
        """Stop the controller, and start it again after some seconds."""
        self.ask("kill", (self.folder / "slurmctld.pid").read_text().strip())
        time.sleep(away_s)
        self.ask("slurmctld")

    def lose(self, node: str) -> None:
        """Kill all processes of a node at once, as a power failure would."""
        self.ask("kill", "-KILL", (self.folder / f"{node}.outside").read_text().strip())

    def processes(self, word: str) -> list[str]:
        """Command lines of the cluster's living processes that hold this word."""
        first = psutil.Process(self._first)
        lines = [
            " ".join(process.cmdline())
            for process in first.children(recursive=True)
            if process.status() != psutil.STATUS_ZOMBIE
        ]
        return [line for line in lines if word in line]

    @property
    def _first(self) -> int:
        return psutil.Process(self._outside.pid).children()[0].pid

    def _inside(self) -> list[str]:
        return ["nsenter", "--target", str(self._first), *_NAMESPACES]

    def _nodes_in(self, state: str) -> int:
        try:
            states = self.ask("sinfo", "--noheader", "--Node", "--format=%T", "--partition=main")
            return states.split().count(state)
        except (subprocess.SubprocessError, IndexError):
            assert self._outside.poll() is None, (self.folder / "cluster.out").read_text()
            return 0

    def _stop(self) -> None:
        # Its child, the first process of the namespace, is killed with it, and so are all others.
        self._outside.send_signal(signal.SIGKILL)
        self._outside.wait()
        for folder in (f"/sys/fs/cgroup/freezer/slurm_{node}" for node in NODES):
            for path, _, _ in os.walk(folder, topdown=False):
                Path(path).rmdir()
