"""Kills `dmtbench run` at random moments and checks that it always goes on, to the same results.

    python -m benchmarks.kill_workflow --signals 50

Runs the miniature of the demo (tests/e2e/tiny.yaml). SIGKILL, SIGTERM and SIGINT go to the command
itself, to Snakemake, to each kind of its jobs and to the whole process group. After each signal the
same command runs again, without any manual step. Before each run a random part of the results is
deleted, so that work remains. Whenever a run completes, its reports, scores and weights must be
byte-identical to those of an undisturbed run. Exits with status 1 if they are not, or if a run
fails without a signal, hangs, or leaves processes behind.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.kill_targets import JOBS, OTHERS, Failed, Project

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KINDS = (*OTHERS, *JOBS)
MISSES_IN_A_ROW = 20


class Drill:
    """Signals to runs in one project.

    Args:
        project: where the runs work.
        expected: files that an undisturbed run makes, by path.
        seed: of all choices.
    """

    def __init__(self, project: Project, expected: dict[str, bytes], seed: int) -> None:
        self.project, self.expected = project, expected
        self.random = random.Random(seed)
        # How long a process of each kind lives, learned from those that ended before their signal.
        self.life_s = {kind: 12.0 if kind in OTHERS else 3.0 for kind in KINDS}
        self.sent, self.completed = Counter[str](), 0

    def disturb(self, kind: str, number: signal.Signals) -> bool:
        """One run that gets one signal; returns whether the signal found a process.

        Raises:
            Failed: the run failed without a signal, hung, left processes behind or differs.
        """
        self.project.spoil(kind, self.random)
        run = self.project.start()
        target = self.project.wait_for(run, kind, self.random)
        if target is None:
            self.end(run, f"{kind}: nothing to signal")
            return False
        found = time.monotonic()
        time.sleep(self.random.uniform(0, self.life_s[kind]))
        if not self.project.send(run, target, kind, number):
            self.life_s[kind] = max(0.1, self.life_s[kind] / 2)
            self.end(run, f"{kind}: ended before {number.name}")
            return False
        self.sent[f"{kind} {number.name}"] += 1
        what = f"{sum(self.sent.values()):3d}. {number.name} to {kind}"
        survivors = kind == "run" and number == signal.SIGKILL
        after = time.monotonic() - found
        self.end(run, f"{what} after {after:.1f} s", signalled=True, survivors=survivors)
        return True

    def end(
        self, run: object, what: str, *, signalled: bool = False, survivors: bool = False
    ) -> None:
        """Wait for the end of a run and check what it left behind."""
        status = self.project.wait(run, survivors=survivors)  # type: ignore[arg-type]
        print(f"{what}: status {status}", flush=True)
        if status == 0:
            self.completed += 1
            self.project.compare(self.expected)
        elif not signalled:
            raise Failed(f"a run without a signal ended with status {status}")

    def all(self, signals: int) -> None:
        """Send this many signals, to all kinds of processes in turn; then finish the work."""
        misses = 0
        plan = [(kind, number) for number in SIGNALS for kind in KINDS]
        self.random.shuffle(plan)
        while sum(self.sent.values()) < signals:
            kind, number = plan[0]
            if self.disturb(kind, number) or misses == MISSES_IN_A_ROW:
                plan, misses = [*plan[1:], plan[0]], 0
            else:
                misses += 1
        self.end(self.project.start(), "last run")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kill_workflow",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--signals", type=int, default=50)
    parser.add_argument("--cores", type=int, default=2, help="jobs at once")
    parser.add_argument("--only", nargs="*", help="methods; default: all of the miniature")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        try:
            calm = Project(Path(name) / "calm", options.cores, options.only)
            status = calm.wait(calm.start())
            if status:
                raise Failed(f"the undisturbed run ended with status {status}")
            expected = calm.made()
            project = Project(Path(name) / "killed", options.cores, options.only)
            drill = Drill(project, expected, options.seed)
            drill.all(options.signals)
        except Failed as failure:
            print(f"FAILED: {failure}")
            print("\n".join(Project.last_lines(Path(name))))
            sys.exit(1)
    for what, count in sorted(drill.sent.items()):
        print(f"{count:3d} {what}")
    print(
        f"{sum(drill.sent.values())} signals, {drill.completed} completed runs, "
        f"{time.monotonic() - started:.0f} s: {len(expected)} files are byte-identical"
    )


if __name__ == "__main__":
    main()
