"""One mutant in a private copy of the working tree, and the tests that should notice it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import mutation_trace
from benchmarks.mutation_sites import Mutant

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "training": ("tests/training", "tests/test_results_versions.py"),
    "evaluation": ("tests/evaluation", "tests/test_results_versions.py"),
    "reporting": ("tests/reporting",),
    "workflow": ("tests/workflow",),
    "weights": ("tests/weights",),
}
"""The folders of tests that must notice a bug in each package."""
COLUMNS = ("file", "line", "scope", "before", "after", "status", "seconds", "test")
PYTEST = ("-q", "-x", "-m", "not slow", "-p", "no:cacheprovider")

# Each run of pytest is forked from a process that has loaded the libraries, but nothing of ours.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["pytest", "hypothesis", "torch", "pandas", "scipy", "cv2", "h5py", "pydantic", "yaml"]
)


@dataclass
class PackageTests:
    """The tests of a package: seconds of each, and which functions each runs."""

    seconds: dict[str, float] = field(default_factory=dict)
    functions: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> PackageTests:
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
        spent = 0.0
        within: list[str] = []
        for test in chosen:
            if not within or spent + self.seconds[test] <= budget:
                spent += self.seconds[test]
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
    with tempfile.NamedTemporaryFile("r", suffix=".log", encoding="utf-8") as log:
        process = _SERVER.Process(target=_child, args=(copy, [*PYTEST, *arguments], log.name, more))
        process.start()
        process.join(limit)
        if process.is_alive():
            assert process.pid is not None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()
            return -1, ""
        assert process.exitcode is not None
        return process.exitcode, log.read()


def _child(copy: Path, arguments: Sequence[str], log: str, more: dict[str, str]) -> None:
    """In a process of its own, whose imports of libraries are done already."""
    os.setsid()
    with Path(log).open("w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    paths = [str(copy), str(copy / "build" / "trace")]
    os.environ.update(more, PYTHONPATH=os.pathsep.join(paths), OMP_NUM_THREADS="1")
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in more
    sys.path[:] = [*paths, *(path for path in sys.path if path and Path(path) != ROOT)]
    os.chdir(copy)
    import pytest

    sys.exit(int(pytest.main([*arguments])))


def map_of(copy: Path, package: str, known: Path, left_out: Sequence[str]) -> PackageTests:
    """The package's tests but those left out; run once, unless the file `known` has them."""
    if not known.exists():
        with tempfile.TemporaryDirectory() as folder:
            more = {"MUTATION_TRACE": folder}
            options = ["--maxfail=0", "-p", "benchmarks.mutation_trace", *TESTS[package]]
            options += [f"--deselect={test}" for test in left_out]
            status, output = pytest(copy, options, None, **more)
            for line in output.splitlines():
                if line.startswith(("FAILED ", "ERROR ")):
                    print(f"left out, fails without a mutant: {line}")
            if not Path(folder, "tests.jsonl").exists():
                raise SystemExit(f"no test of {package} ran (status {status}):\n{output[-2000:]}")
            known.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder, "tests.jsonl"), known)
    return PackageTests.read(known)


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


def tried(copy: Path, mutant: Mutant, tests: PackageTests, budget: float) -> dict[str, object]:
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
