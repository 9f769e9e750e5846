"""Mutation run: plants small bugs one at a time and looks whether a test of the package fails.

    python -m benchmarks.mutation --packages training evaluation --count 120 --csv mutation.csv

A seeded sample of the mutants (`mutation_sites.py`) is spread over the packages by the number of
their mutants. Each is planted in a private copy of the working tree, never in the tree itself, and
meets the tests of its package that run the function, the quickest file first, then those that run
anything else of the module (`mutation_trace.py`). A run that ends in a failure or exceeds its time
has killed the mutant. `--csv` takes a line per mutant; what it holds already is not tried again
without `--again`. Mutants that change nothing one could observe are listed, with a reason, in
`benchmarks/mutation_equivalent.csv`, and counted apart. Exits 1 below 95 % killed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import mutation_trace
from benchmarks.mutation_sites import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "training": ("tests/training",),
    "evaluation": ("tests/evaluation",),
    "reporting": ("tests/reporting",),
    "workflow": ("tests/workflow",),
    "weights": ("tests/weights",),
}
"""The folders of tests that must notice a bug in each package."""
SKIPPED = ("label_placement.py",)
EQUIVALENT = ROOT / "benchmarks" / "mutation_equivalent.csv"
COLUMNS = ("file", "line", "scope", "before", "after", "status", "seconds", "test")
KILLED = ("killed", "timeout")
GOAL = 0.95
PYTEST = ("-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider")


@dataclass
class Tests:
    """The tests of a package: seconds of each, and which functions each runs."""

    seconds: dict[str, float] = field(default_factory=dict)
    functions: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Tests:
        """From the lines that `mutation_trace` wrote."""
        found = cls()
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            found.seconds[entry["test"]] = entry["seconds"]
            found.functions[entry["test"]] = set(entry["functions"])
        return found

    def that_run(self, mutant: Mutant, budget: float) -> list[str]:
        """Tests to try, in order: of the function, then of its module, within these seconds."""
        exact = {t for t, names in self.functions.items() if self._runs(mutant, names)}
        module = {
            test
            for test, names in self.functions.items()
            if any(name.startswith(f"{mutant.file}:") for name in names)
        }
        chosen: list[str] = []
        for group in (exact, module - exact, set() if module else set(self.seconds)):
            files: dict[str, list[str]] = defaultdict(list)
            for test in sorted(group, key=self.seconds.__getitem__):
                files[test.partition("::")[0]].append(test)
            cost = {name: sum(map(self.seconds.__getitem__, files[name])) for name in files}
            for name in sorted(files, key=cost.__getitem__):
                chosen += files[name]
        spent, within = 0.0, []
        for test in chosen:
            spent += self.seconds[test]
            if within and spent > budget:
                continue
            within.append(test)
        return within

    @staticmethod
    def _runs(mutant: Mutant, names: set[str]) -> bool:
        return bool(mutant.scope) and f"{mutant.file}:{mutant.scope}" in names


def private_copy(folder: Path) -> Path:
    """A copy of the working tree with everything that Git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    mutation_trace.install(folder / "build" / "trace")
    return folder


def pytest(
    copy: Path, arguments: Sequence[str], limit: float | None, **more: str
) -> tuple[int, str]:
    """Run pytest in a copy; its status (-1: the time ran out) and its output."""
    paths = f"{copy}{os.pathsep}{copy / 'build' / 'trace'}"
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **more}
    process = subprocess.Popen(
        [sys.executable, *PYTEST, *arguments],
        cwd=copy,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return -1, ""
    return process.returncode, output


def map_of(copy: Path, package: str, known: Path) -> Tests:
    """The package's tests; run once, all of them, unless the file `known` has them."""
    if not known.exists():
        with tempfile.TemporaryDirectory() as folder:
            more = {"MUTATION_TRACE": folder}
            options = ["-p", "benchmarks.mutation_trace", *TESTS[package]]
            status, output = pytest(copy, options, None, **more)
            if status:
                raise SystemExit(f"the tests of {package} fail without a mutant:\n{output[-2000:]}")
            known.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder, "tests.jsonl"), known)
    return Tests.read(known)


@contextmanager
def planted(copy: Path, mutant: Mutant) -> Iterator[None]:
    """The mutant in the copy, and the source of before afterwards."""
    path = copy / mutant.file
    source, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(mutant.apply(source), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(source, encoding="utf-8")
        # The compiled module of before is valid again.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def tried(copy: Path, mutant: Mutant, tests: Tests, budget: float) -> dict[str, object]:
    """Plant a mutant, run its tests, and return its line of the table."""
    chosen = tests.that_run(mutant, budget)
    limit = 60 + 5 * sum(map(tests.seconds.__getitem__, chosen))
    started = time.monotonic()
    with planted(copy, mutant):
        status, output = pytest(copy, chosen, limit, PYTHONDONTWRITEBYTECODE="1")
    failed = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    word = {0: "survived", -1: "timeout", 5: "survived"}.get(status, "killed")
    return {
        "file": mutant.file,
        "line": mutant.line,
        "scope": mutant.scope,
        "before": mutant.before,
        "after": mutant.after,
        "status": word,
        "seconds": round(time.monotonic() - started, 1),
        "test": failed[0].split(" - ")[0].partition(" ")[2] if failed else "",
    }


def sample(packages: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """`count` mutants, spread over the packages by how many each has, in a shuffled order."""
    everything = {
        package: [
            mutant
            for path in sorted((ROOT / "pipeline" / package).rglob("*.py"))
            if path.name not in SKIPPED
            for mutant in mutants(ROOT, path.relative_to(ROOT).as_posix())
        ]
        for package in packages
    }
    total = sum(map(len, everything.values()))
    chosen: list[Mutant] = []
    for found in everything.values():
        ordered = sorted(found, key=lambda mutant: mutant.rank(seed))
        chosen += ordered[: -(-count * len(found) // total)]
    return sorted(chosen, key=lambda mutant: mutant.rank(seed))


def rows_of(path: Path) -> list[dict[str, str]]:
    """The lines of a table; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def key_of(row: dict[str, str]) -> tuple[str, str, str]:
    """What identifies the mutant of a line."""
    return row["file"], row["before"], row["after"]


def package_of(file: str) -> str:
    """`training` for `pipeline/training/loop.py`."""
    return file.split("/")[1]


def run(todo: Sequence[Mutant], options: argparse.Namespace, table: Path) -> None:
    """Try these mutants and append a line for each."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(options.workers):
            copies.put(private_copy(Path(folder, str(number))))
        first = copies.queue[0]
        tests = {
            package: map_of(first, package, options.maps / f"{package}.jsonl")
            for package in sorted({package_of(mutant.file) for mutant in todo})
        }

        def one(mutant: Mutant) -> dict[str, object]:
            copy = copies.get()
            try:
                return tried(copy, mutant, tests[package_of(mutant.file)], options.budget)
            finally:
                copies.put(copy)

        new = not table.exists()
        with (
            ThreadPoolExecutor(options.workers) as pool,
            table.open("a", encoding="utf-8", newline="") as stream,
        ):
            writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            if new:
                writer.writeheader()
            waiting = [pool.submit(one, mutant) for mutant in todo]
            for number, done in enumerate(as_completed(waiting), 1):
                row = done.result()
                writer.writerow(row)
                stream.flush()
                print(
                    f"{number}/{len(todo)} {row['status']}: {row['file']}:{row['line']} "
                    f"{row['after']}"[:150],
                    flush=True,
                )


def summarize(rows: Sequence[dict[str, str]], equivalent: set[tuple[str, str, str]]) -> float:
    """Print the score of each package and the survivors; return the share that was killed."""
    # The last line of a mutant counts.
    last = {key_of(row): row for row in rows}
    counts: Counter[tuple[str, str]] = Counter()
    for key, row in last.items():
        killed = row["status"] in KILLED
        word = "killed" if killed else "equivalent" if key in equivalent else "survived"
        counts[package_of(row["file"]), word] += 1
        if word == "survived":
            print(f"survived: {row['file']}:{row['line']}  {row['before']}  =>  {row['after']}")
    words = ("killed", "survived", "equivalent")
    for package in sorted({name for name, _ in counts}):
        print(package, *(f"{word} {counts[package, word]}" for word in words), sep="  ")
    killed, survived, same = (sum(n for (_, w), n in counts.items() if w == x) for x in words)
    share = killed / max(1, killed + survived)
    print(
        f"all: {killed} of {killed + survived} meaningful mutants killed ({share:.1%}), "
        f"{same} equivalent; goal {GOAL:.0%}"
    )
    return share


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", nargs="+", choices=TESTS, default=list(TESTS))
    parser.add_argument("--count", type=int, default=200, help="mutants in all; 0: only summarize")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--csv", type=Path, default=Path("mutation.csv"), help="the table")
    parser.add_argument(
        "--maps",
        type=Path,
        default=Path("build/mutation"),
        help="folder that keeps which test runs what; delete it for new tests",
    )
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of tests per mutant")
    parser.add_argument("--workers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--again", action="store_true", help="try the survivors of --csv again")
    options = parser.parse_args()
    equivalent = {key_of(row) for row in rows_of(EQUIVALENT)}
    rows = rows_of(options.csv)
    known = {key_of(row) for row in rows}
    if options.again:
        known = {key_of(row) for row in rows if row["status"] in KILLED}
    todo = [] if not options.count else sample(options.packages, options.count, options.seed)
    todo = [mutant for mutant in todo if mutant.key not in known | equivalent]
    if todo:
        run(todo, options, options.csv)
    raise SystemExit(summarize(rows_of(options.csv), equivalent) < GOAL)


if __name__ == "__main__":
    main()
