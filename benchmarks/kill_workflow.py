"""Kills `dmtbench run` at random moments and checks that it always resumes, to the same results.

    python -m benchmarks.kill_workflow --signals 50

Runs the miniature of the demo (tests/e2e/tiny.yaml). SIGKILL, SIGTERM and SIGINT go to the command
itself, to Snakemake, to each kind of its jobs and to the whole process group. After each signal the
same command runs again, without any manual step. Before each run a random part of the results is
deleted, so that work remains. Whenever a run completes, its data, weights, scores and reports must
be byte-identical to those of an undisturbed run. Exits with status 1 if they are not, or if a run
fails without a signal, hangs, or leaves processes behind.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.kill_project import METHODS, Failed, Project
from benchmarks.kill_targets import JOBS, KINDS, OTHERS, send, spoil, wait_for, working

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MISSES_IN_A_ROW = 20
_PARTS = 8


class Drill:
    """Signals to runs in one project.

    Args:
        project: where the runs work.
        calm: where a run was not disturbed.
        numbers: the signals.
        seed: of all choices.
    """

    def __init__(
        self, project: Project, calm: Project, numbers: Sequence[signal.Signals], seed: int
    ) -> None:
        self.project, self.expected, self.numbers = project, calm.made(), numbers
        self.random = random.Random(seed)
        # How long a process of each kind lives, corrected by those that ended before their signal.
        self.life_s = lives(calm.folder)
        self.sent, self.completed = Counter[str](), 0
        # Whether Snakemake may have outlived a run, and no later one has ended it yet.
        self.survivors = False

    def disturb(self, kind: str, number: signal.Signals) -> bool:
        """One run that gets one signal; returns whether a process of this kind got it.

        Raises:
            Failed: the run failed without a signal, hung, left processes behind or differs.
        """
        spoil(self.project.folder, kind, self.random)
        run = self.project.start()
        target = wait_for(run, kind, self.random)
        if target is None:
            self.end(run, f"{kind}: nothing to signal")
            return False
        found = time.monotonic()
        time.sleep(self.random.uniform(0, self.life_s[kind]))
        hit = send(run, target, kind, number)
        if not hit:
            self.life_s[kind] = max(0.1, self.life_s[kind] / 2)
            # Whatever works now, lest the run be in vain.
            others = working(run)
            other, target = self.random.choice(others) if others else (kind, target)
            if not send(run, target, other, number):
                self.end(run, f"{kind}: ended before {number.name}")
                return False
            kind = other
        self.sent[f"{kind} {number.name}"] += 1
        what = f"{sum(self.sent.values()):3d}. {number.name} to {kind}"
        killed = number == signal.SIGKILL and kind in ("run", "group")
        self.survivors = killed and (self.survivors or kind == "run")
        after = time.monotonic() - found
        self.end(run, f"{what} after {after:.1f} s", signalled=True)
        return hit

    def end(self, run: subprocess.Popen[bytes], what: str, *, signalled: bool = False) -> None:
        """Wait for the end of a run and check what it left behind."""
        self.survivors &= signalled
        status = self.project.wait(run, survivors=self.survivors)
        print(f"{what}: status {status}", flush=True)
        if status == 0:
            self.completed += 1
            self.project.compare(self.expected)
        elif not signalled:
            raise Failed(f"a run without a signal ended with status {status}")

    def all(self, signals: int) -> None:
        """Send this many signals, to all kinds of processes in turn; then finish the work."""
        misses, plan = 0, self.round()
        while sum(self.sent.values()) < signals:
            kind, number = plan[0]
            if self.disturb(kind, number) or misses == MISSES_IN_A_ROW:
                plan, misses = plan[1:] or self.round(), 0
            else:
                misses += 1
        self.end(self.project.start(), "last run")

    def round(self) -> list[tuple[str, signal.Signals]]:
        """Every kind once, each with a random signal.

        Jobs come in the order of the workflow, so that a run need not first do again what the one
        before it lost.
        """
        kinds = [*JOBS]
        for kind in OTHERS:
            kinds.insert(self.random.randrange(len(kinds) + 1), kind)
        return [(kind, self.random.choice(self.numbers)) for kind in kinds]


def lives(folder: Path) -> dict[str, float]:
    """Seconds that processes of each kind lived in a project, by what Snakemake noted there."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    begins, ends = [], []
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if path.is_file() and (job := json.loads(path.read_text())).get("rule") in found:
            found[job["rule"]].append(job["endtime"] - job["starttime"])
            begins.append(job["starttime"])
            ends.append(job["endtime"])
    # Of the others: a run has to do only a part of all work.
    part = (max(ends) - min(begins)) / _PARTS
    return {kind: fmean(spans) if spans else part for kind, spans in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kill_workflow",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--signals", type=int, default=50)
    parser.add_argument("--cores", type=int, default=2, help="jobs at once")
    parser.add_argument("--only", nargs="*", default=METHODS, help="methods")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kill", action="store_true", help="send SIGKILL only")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        try:
            calm = Project(Path(name) / "calm", options.cores, options.only)
            status = calm.wait(calm.start())
            if status:
                raise Failed(f"the undisturbed run ended with status {status}")
            project = Project(Path(name) / "killed", options.cores, options.only)
            drill = Drill(project, calm, SIGNALS[:1] if options.kill else SIGNALS, options.seed)
            drill.all(options.signals)
        except Failed as failure:
            print(f"FAILED: {failure}")
            print("\n".join(Project.last_lines(Path(name))))
            sys.exit(1)
    for what, count in sorted(drill.sent.items()):
        print(f"{count:3d} {what}")
    print(
        f"{sum(drill.sent.values())} signals, {drill.completed} completed runs, "
        f"{time.monotonic() - started:.0f} s: {len(drill.expected)} files are byte-identical"
    )


if __name__ == "__main__":
    main()
