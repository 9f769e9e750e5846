"""Git state: what git does not know of the code in use makes a result dirty."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.paths import CONFIG, REPOSITORY

from pipeline import provenance
from pipeline.checkout import code_in_use, git_state
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.methods import MethodEntry, MetricEntry
from pipeline.keys import Keys


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path) -> Path:
    """A repository with a package `net`, a module `one`, and an ignored file of notes."""
    (folder / "net" / "inner").mkdir(parents=True)
    for name in ("net/__init__.py", "net/inner/__init__.py", "one.py", "tracked.txt"):
        (folder / name).write_text("")
    (folder / ".gitignore").write_text("__pycache__/\nlocal*\nscratch/\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return committed(tmp_path / "checkout")


def touch(*names: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("x = 1\n")

    return make


CHANGES = [
    (touch(), False),
    (touch("notes.txt", "other.py", "net/notes.txt"), False),
    (touch("net/__pycache__/a.cpython-311.pyc"), False),
    (touch("net/new.py"), True),
    (touch("net/inner/new.py"), True),
    (touch("net/more/new.py"), True),
    (touch("net/local.py"), True),
    (touch("net/scratch/new.py"), True),
    (touch("net/fast.so"), True),
    (touch("net/dictionary.npz"), True),
    (touch("net/__init__.py"), True),
    (touch("tracked.txt"), True),
    (lambda folder: (folder / "net/inner/__init__.py").unlink(), True),
    (lambda folder: git(folder, "rm", "--cached", "-q", "net/__init__.py"), True),
    (lambda folder: git(folder, "rm", "--cached", "-q", "one.py"), True),
]


@pytest.mark.parametrize(("change", "dirty"), CHANGES)
def test_changes_of_the_checkout(
    repository: Path, change: Callable[[Path], object], dirty: bool
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    change(repository)
    assert git_state(repository, [repository / "net", repository / "one.py"]) == (commit, dirty)


@pytest.mark.parametrize("within", ["elsewhere", "checkout/scratch/elsewhere"])
@pytest.mark.parametrize(("change", "dirty"), [*CHANGES[:8], (touch("net/__init__.py"), True)])
def test_a_package_in_another_repository(
    repository: Path, within: str, change: Callable[[Path], object], dirty: bool
) -> None:
    other = committed(repository.parent / within)
    change(other)
    commit = git(repository, "rev-parse", "HEAD")
    assert git_state(repository, [other / "net"]) == (commit, dirty)


def test_a_package_in_no_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    touch("free/net/__init__.py", "free/one.py")(tmp_path)
    for place in ("free/net", "free/one.py"):
        assert git_state(repository, [tmp_path / place])[1]
    assert not git_state(repository)[1]


def test_a_file_reached_by_a_link_is_looked_up_where_it_lies(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = committed(tmp_path / "elsewhere")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "linked_net").symlink_to(other / "net")
    monkeypatch.syspath_prepend(tmp_path / "path")
    places = code_in_use(with_module("linked_net"))
    assert places[-1] == other / "net"
    assert not git_state(repository, places[-1:])[1]


def test_there_is_no_state_outside_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == (None, None)


def test_an_environment_in_a_repository_has_no_state(repository: Path) -> None:
    """The commit is that of whoever installed the package, and says nothing about it."""
    touch("scratch/site-packages/pipeline/__init__.py")(repository)
    assert git_state(repository / "scratch" / "site-packages") == (None, None)


def test_there_is_no_state_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(repository) == (None, None)


def with_module(module: str) -> Experiment:
    demo = load_experiment(CONFIG / "demo.yaml")
    entry = MethodEntry(module=module, row="Mine")
    return demo.model_copy(update={"methods": {**demo.methods, "mine": entry}})


def test_code_in_use_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine_net/__init__.py", "mine_metric.py"):
        touch(name)(tmp_path)
        (tmp_path / name).write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    experiment = with_module("mine_net.variants.wide").model_copy(
        update={"metrics": {"mine": MetricEntry(module="mine_metric")}}
    )
    own = [REPOSITORY / name for name in ("baselines", "dmtnet", "pipeline")]
    assert code_in_use(experiment) == [*own, tmp_path / "mine_net", tmp_path / "mine_metric.py"]
    assert code_in_use(with_module("not_installed")) == own


def test_a_record_says_that_a_method_is_untracked(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_REPOSITORY", repository)
    monkeypatch.syspath_prepend(repository)
    places = code_in_use(with_module("net"))[-1:]
    monkeypatch.setattr(provenance, "code_in_use", lambda _: places)

    def dirty() -> bool | None:
        started = time.perf_counter()
        experiment = with_module("net")
        return provenance.collect(
            experiment, command="x", keys=Keys("", {}), seeds={}, started=started
        ).git_dirty

    assert dirty() is False
    touch("net/method.py")(repository)
    assert dirty() is True
