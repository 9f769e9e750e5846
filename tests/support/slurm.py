"""A real SLURM cluster of two nodes for drills, in namespaces of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import psutil

from support.paths import REPOSITORY, TESTS

_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "setpriv", "unshare", "nsenter", "ip")
_NAMESPACES = ("--mount", "--pid", "--net", "--uts")
_SCRIPT = TESTS / "support" / "slurm_cluster.sh"
# How the script starts a node.
_NODE = "unshare --uts --pid --mount-proc --fork --kill-child bash -c hostname"
_START_S = 60.0
# Their cgroups are the machine's, so the nodes of two clusters must not bear the same names.
NODES = (f"node1-{os.getpid()}", f"node2-{os.getpid()}")


def why_not() -> str:
    """Why no cluster can be started here; empty if one can."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: slurm-wlm munge util-linux iproute2)"
    if subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True).returncode:
        return "needs the right to make namespaces (root)"
    return ""


def _line(process: psutil.Process) -> str:
    """The command line; empty if the process has ended."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
    except psutil.NoSuchProcess:
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


def _remove_groups(folder: Path) -> bool:
    """Whether a cgroup could be removed, with those in it; not while a process of them ends."""
    try:
        for path, _, _ in os.walk(folder, topdown=False):
            Path(path).rmdir()
    except OSError:
        return False
    return True


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
                [*command, "bash", str(_SCRIPT), str(self.folder), *NODES], stdout=log, stderr=log
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

    def start_node(self, node: str) -> None:
        """Start a node that was lost, and wait until it is idle."""
        self.ask("touch", str(self.folder / f"{node}.start"))
        wait_until(f"{node} to be idle", lambda: self.state_of(node) == "idle", _START_S)

    def state_of(self, node: str) -> str:
        """SLURM's word for the state of a node; with a star, it does not respond."""
        return self.ask("sinfo", "--noheader", f"--nodes={node}", "--format=%T", "--partition=main")

    def clear(self) -> None:
        """End all jobs, and what submitted them."""
        for node in NODES:
            self.wake(node)
        for process in self.processes("snakemake"):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.ask("scancel", "--user=root")
        wait_until("an empty queue", lambda: not self.ask("squeue", "--noheader"), _START_S * 3)

    def suspend(self, node: str, word: str = "") -> None:
        """Let time stand still for the processes of a node whose command lines hold this word."""
        while awake := [
            process
            for process in self.processes(word, node)
            if process.status() != psutil.STATUS_STOPPED
        ]:
            for process in awake:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()

    def wake(self, node: str, word: str = "") -> None:
        """Let suspended processes of a node continue."""
        for process in self.processes(word, node):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def processes(self, word: str, node: str = "") -> list[psutil.Process]:
        """Living processes, of the cluster or of a node, whose command lines hold this word."""
        found = psutil.Process(self._first).children(recursive=True)
        if node:
            outside = [one for one in found if _line(one).startswith(f"{_NODE} {node}")]
            found = [one for each in outside for one in each.children(recursive=True)]
        return [one for one in found if (line := _line(one)) and word in line]

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
        for node in NODES:
            folder = Path(f"/sys/fs/cgroup/freezer/slurm_{node}")
            wait_until("the end of all jobs", partial(_remove_groups, folder), _START_S)
