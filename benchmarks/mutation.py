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
import queue
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchmarks.mutation_run import COLUMNS, ROOT, TESTS, map_of, private_copy, tried
from benchmarks.mutation_sites import Mutant, mutants

SKIPPED = ("label_placement.py",)
EQUIVALENT = ROOT / "benchmarks" / "mutation_equivalent.csv"
KILLED = ("killed", "timeout")
GOAL = 0.95


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
            package: map_of(first, package, options.maps / f"{package}.jsonl", options.deselect)
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
        word = "equivalent" if key in equivalent else "survived"
        if row["status"] in KILLED:
            word = "killed"
        counts[package_of(row["file"]), word] += 1
        if word == "survived":
            print(f"survived: {row['file']}:{row['line']}  {row['before']}  =>  {row['after']}")
    words = ("killed", "survived", "equivalent")
    for package in sorted({name for name, _ in counts}):
        print(package, *(f"{word} {counts[package, word]}" for word in words), sep="  ")
    totals: Counter[str] = Counter()
    for (_, word), count in counts.items():
        totals[word] += count
    killed, survived, same = (totals[word] for word in words)
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
    parser.add_argument(
        "--deselect", nargs="+", default=[], help="tests to leave out, as in pytest"
    )
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
