"""The mutation run: what it plants, what it leaves alone, which tests it asks, what it counts."""

from __future__ import annotations

import ast
import csv
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutation, mutation_run, mutation_trace
from benchmarks.mutation_run import PackageTests, planted
from benchmarks.mutation_sites import Mutant, mutants

SOURCE = '''"""A docstring with 1 == 2."""
from typing import Protocol

LIMIT: int = 3

class Seen(Protocol):
    def much(self) -> int:
        return 1

def total(values: list[int], names: dict[str, int]) -> int | None:
    """Nothing here: 1 + 1."""
    print("min", 1 < 2)
    if not values or len(values) > LIMIT:
        raise ValueError(f"{len(values) - 1} are too many")
    values.append(names["one"])
    return min(values[1:]) + pow(values[0], 2)
'''
EXPECTED = {
    "LIMIT: int = 4",
    "LIMIT: int = 2",
    "if (not values and len(values) > LIMIT):",
    "if (values) or len(values) > LIMIT:",
    "if not values or (len(values) >= LIMIT):",
    "pass",
    "values.append(names['oneX'])",
    "return None",
    "return (min(values[1:]) - pow(values[0], 2))",
    "return max(values[1:]) + pow(values[0], 2)",
    "return min(values[1 + 1:]) + pow(values[0], 2)",
    "return min(values[:]) + pow(values[0], 2)",
    "return min(values[2:]) + pow(values[0], 2)",
    "return min(values[1:]) + pow(2, values[0])",
    "return min(values[1:]) + pow(values[1], 2)",
    "return min(values[1:]) + pow(values[0], 3)",
    "return min(values[1:]) + pow(values[0], 1)",
}


@pytest.fixture
def found(tmp_path: Path) -> list[Mutant]:
    (tmp_path / "total.py").write_text(SOURCE)
    return mutants(tmp_path, "total.py")


def test_every_kind_of_change_and_no_text(found: list[Mutant]) -> None:
    assert {mutant.after for mutant in found} == EXPECTED
    assert {mutant.scope for mutant in found} == {"", "total"}


def test_every_mutant_is_another_valid_program(found: list[Mutant]) -> None:
    trees = [ast.dump(ast.parse(mutant.apply(SOURCE))) for mutant in found]
    assert len({*trees, ast.dump(ast.parse(SOURCE))}) == len(found) + 1


def test_one_change_on_one_place(found: list[Mutant], tmp_path: Path) -> None:
    path = tmp_path / "total.py"
    for mutant in found:
        with planted(tmp_path, mutant):
            changed = path.read_text()
            assert mutant.after in " ".join(changed.split())
        assert path.read_text() == SOURCE


def test_the_sample_is_spread_and_stays_the_same() -> None:
    small, large = (mutation.sample(["weights", "workflow"], count, 3) for count in (20, 60))
    assert {m.key for m in small} <= {m.key for m in large}
    files = [mutation.package_of(m.file) for m in large]
    assert 60 <= len(files) <= 61
    assert 10 < files.count("workflow") < files.count("weights")
    other = mutation.sample(["weights", "workflow"], 20, 4)
    assert {m.key for m in small} != {m.key for m in other}


def test_tests_of_the_function_come_first_the_quickest_file_before_others() -> None:
    mutant = Mutant("pipeline/a.py", 3, "run", "1", "2", 0, 1, "2")
    tests = PackageTests(
        {"slow::a": 50.0, "quick::a": 1.0, "quick::b": 0.5, "same::a": 0.1, "else::a": 0.1},
        {
            "slow::a": {"pipeline/a.py:run"},
            "quick::a": {"pipeline/a.py:run"},
            "quick::b": {"pipeline/a.py:run", "pipeline/b.py:other"},
            "same::a": {"pipeline/a.py:other"},
            "else::a": {"pipeline/b.py:run"},
        },
    )
    assert tests.that_run(mutant, 100.0) == ["quick::b", "quick::a", "slow::a", "same::a"]
    assert tests.that_run(mutant, 10.0) == ["quick::b", "quick::a", "same::a"]
    outside = Mutant("pipeline/c.py", 3, "run", "1", "2", 0, 1, "2")
    assert set(tests.that_run(outside, 100.0)) == set(tests.seconds)


def test_the_score_leaves_equivalent_mutants_out(capsys: pytest.CaptureFixture[str]) -> None:
    def row(after: str, status: str) -> dict[str, str]:
        return {
            "file": "pipeline/a/b.py",
            "line": "1",
            "before": "0",
            "after": after,
            "status": status,
        }

    rows = [row("1", "survived"), row("2", "killed"), row("3", "timeout"), row("4", "survived")]
    share = mutation.summarize([*rows, row("1", "killed")], {("pipeline/a/b.py", "0", "4")})
    assert share == 1
    out = capsys.readouterr().out
    assert "3 of 3 meaningful mutants killed (100.0%), 1 equivalent" in out
    assert mutation.summarize(rows, set()) == 0.5
    assert "survived: pipeline/a/b.py:1  0  =>  1" in capsys.readouterr().out


def test_judged_mutants_have_a_reason_and_exist() -> None:
    with mutation.EQUIVALENT.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["reason"] for row in rows)
    for row in rows:
        keys = {mutant.key for mutant in mutants(mutation.ROOT, row["file"])}
        assert mutation.key_of(row) in keys, row


@pytest.mark.slow
def test_a_run_in_a_copy_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole run on a project of one function and one test."""
    files = {
        "benchmarks/mutation_trace.py": Path(mutation_trace.__file__).read_text(),
        "pipeline/weights/half.py": "def half(x: int) -> int:\n    return x // 2\n",
        "tests/weights/test_half.py": (
            "from pipeline.weights.half import half\n\n\n"
            "def test_half() -> None:\n    assert half(4) == 2\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for module in (mutation, mutation_run):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    table = tmp_path / "mutation.csv"
    options = ["mutation", "--packages", "weights", "--csv", str(table)]
    monkeypatch.setattr(sys, "argv", [*options, "--maps", str(tmp_path / "maps"), "--count", "2"])

    def lines() -> dict[str, str]:
        return {row["after"]: row["status"] for row in mutation.rows_of(table)}

    with pytest.raises(SystemExit):
        mutation.main()
    first = lines()
    assert len(first) == 2
    monkeypatch.setattr(sys, "argv", [*sys.argv[:-1], "9"])
    with pytest.raises(SystemExit) as end:
        mutation.main()
    # 4 // 2 == 4 / 2: the test is too weak for one of them.
    assert lines() == {
        **dict.fromkeys(("return None", "return x // 3", "return x // 1"), "killed"),
        "return (x / 2)": "survived",
    }
    assert end.value.code == 1
    assert [row["after"] for row in mutation.rows_of(table)][:2] == list(first)
    assert (tmp_path / "pipeline/weights/half.py").read_text() == files["pipeline/weights/half.py"]
