"""Every ratio with a limit, measured one after the other, in one table of benchmarks/README.md.

    python -m benchmarks.bench
    python -m benchmarks.bench --only metrics transformers
    python -m benchmarks.bench --missing

Each benchmark runs in its own process. After each one, benchmarks/bench.json and the table are
rewritten, so an interrupted run continues with `--missing`. Exits with status 1 if a limit is
missed. Nothing else should run on the machine: `load`, the load average before each benchmark,
shows whether something did.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import goals
from benchmarks.dmtnet_process import has_bfloat16
from benchmarks.goals import Goal
from benchmarks.pages import with_block
from pipeline.checkout import git_state
from pipeline.files import write_text
from pipeline.provenance import hardware, package_versions

REPOSITORY = Path(__file__).resolve().parents[1]
VALUES, PAGE = (Path(__file__).with_name(name) for name in ("bench.json", "README.md"))
BEGIN, END = "<!-- bench: make bench -->", "<!-- end -->"
HEAD = "| Measured | Against | Result | Limit | Met | Benchmark |\n|---|---|--:|--:|---|---|"
LEFT_OUT = " bfloat16 was left out: this CPU has no instructions for it."
MET = {True: "yes", False: "**no**", None: ""}


@dataclass(frozen=True)
class Benchmark:
    """A module of this package with its arguments.

    Args:
        arguments: without those of the output.
        goals: reads its output.
        csv: whether it writes a CSV file instead of printing JSON.
        precisions: whether it has an option for them.
    """

    arguments: tuple[str, ...]
    goals: Callable[[Any], Iterator[Goal]]
    csv: bool = False
    precisions: bool = False


BENCHMARKS = {
    "workflow": Benchmark((), goals.of_workflow),
    "metrics": Benchmark(("--threads", "2"), goals.of_metrics),
    "transformers": Benchmark(("--threads", "1", "--size", "256"), goals.of_transformers),
    "crop_loader": Benchmark(("--workers", "2"), goals.of_crop_loader),
    "classical": Benchmark(("speed", "--threads", "2"), goals.of_classical),
    "all_reduce": Benchmark((), goals.of_all_reduce, csv=True),
    "loop_overhead": Benchmark(
        ("--threads", "2"), goals.of_loop_overhead, csv=True, precisions=True
    ),
    "dmtnet": Benchmark(("--threads", "2"), goals.of_dmtnet, csv=True, precisions=True),
}


class BenchmarkError(Exception):
    """A benchmark failed."""


def measured(name: str) -> list[Goal]:
    """Run one benchmark.

    Raises:
        BenchmarkError: it failed.
    """
    benchmark = BENCHMARKS[name]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows.csv"
        output = ["--csv", str(table)] if benchmark.csv else ["--json"]
        command = [sys.executable, "-m", f"benchmarks.{name}", *benchmark.arguments, *output]
        if benchmark.precisions and not has_bfloat16():
            command += ["--precisions", "float32"]
        # Progress bars and messages stay visible.
        done = subprocess.run(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkError(f"{name}: ended with status {done.returncode}")
        text = table.read_text(encoding="utf-8") if benchmark.csv else done.stdout
    found = list(csv.DictReader(io.StringIO(text))) if benchmark.csv else json.loads(text)
    return list(benchmark.goals(found))


def entry(name: str, commit: str | None) -> dict[str, Any]:
    """Run one benchmark; its goals with what a reader needs to judge them."""
    started, load = time.monotonic(), os.getloadavg()[0]
    found = measured(name)
    versions = package_versions()
    return {
        "goals": [asdict(goal) for goal in found],
        "commit": commit,
        "load": round(load, 2),
        "seconds": round(time.monotonic() - started),
        "date": time.strftime("%Y-%m-%d"),
        "machine": {key: hardware()[key] for key in ("cpu", "cores", "memory_mb")},
        "versions": {key: versions[key] for key in ("python", "torch")},
        "bfloat16": has_bfloat16(),
    }


def block(known: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of all stored goals, and under which conditions each benchmark ran."""
    lines, runs = [HEAD], []
    for name in BENCHMARKS:
        if name not in known:
            runs.append(f"`{name}` was not run.")
            continue
        one = known[name]
        lines += [_line(name, Goal(**values)) for values in one["goals"]]
        machine, versions = one["machine"], one["versions"]
        runs.append(
            f"`{name}`: {one['date']}, {one['seconds']} s, load {one['load']:.1f} before it, "
            f"{machine['cores']} cores ({machine['cpu']}), torch {versions['torch']}, Python "
            f"{versions['python']}, commit {str(one['commit'])[:10]}."
            + LEFT_OUT
            * (BENCHMARKS[name].precisions and not one["bfloat16"])
        )
    return "\n".join([*lines, "", *(f"- {run}" for run in runs)])


def _line(name: str, goal: Goal) -> str:
    sign = "≥" if goal.at_least else "≤"
    limit = "" if goal.limit is None else f"{sign} {goal.limit:g} {goal.unit}"
    result = (
        f"{goal.value:.3g} {goal.unit}" if goal.value < 100 else f"{goal.value:.0f} {goal.unit}"
    )
    cells = [goal.what, goal.against, result, limit, MET[goal.met], f"`{name}`"]
    return f"| {' | '.join(cells)} |"


def store(known: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the values and the page."""
    write_text(VALUES, json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    page = PAGE.read_text(encoding="utf-8")
    write_text(PAGE, with_block(page, BEGIN, END, block(known)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--missing", action="store_true", help="not those measured at this commit")
    options = parser.parse_args(arguments)
    known = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    commit, _ = git_state(REPOSITORY)
    for number, name in enumerate(options.only, start=1):
        if options.missing and known.get(name, {}).get("commit") == commit:
            continue
        print(f"{number} of {len(options.only)}: {name}", file=sys.stderr, flush=True)
        try:
            known[name] = entry(name, commit)
        except BenchmarkError as error:
            print(error, file=sys.stderr)
            return 1
        store(known)
    print(block(known))
    values = [Goal(**goal) for name in options.only for goal in known[name]["goals"]]
    return int(any(goal.met is False for goal in values))


if __name__ == "__main__":
    sys.exit(main())
