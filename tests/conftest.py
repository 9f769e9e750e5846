"""Being here, this file puts the folder on the import path, and with it `factories`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import CHROMIUM, browser
from support.fixture_types import Done, EnterCopy, Run, Tiny
from support.paths import TINY

from pipeline.cli import main
from pipeline.config.experiment import load_experiment
from pipeline.data.sampling.patch_index import write_patch_index
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import PixelStore
from pipeline.stages.data import make_data


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    config = TINY
    folder = tmp_path_factory.mktemp("tiny")
    made = Tiny(
        load_experiment(config),
        config,
        folder / "raw",
        folder / "manifest.csv",
        folder / "store",
        folder / "patches.csv",
    )
    make_data(made.experiment, made.raw, made.manifest, 1, progress=False)
    build_store(made.raw, made.manifest, made.store, progress=False)
    write_patch_index(PixelStore(made.store), made.experiment.patches, made.patches)
    return made


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished project, made once; tests must not write into it."""
    from support.projects import make_project

    return make_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project of the kill drill whose workflow has run, undisturbed; only to be read."""
    from benchmarks.kill_project import Project

    project = Project(tmp_path_factory.mktemp("calm"), 2)
    assert project.wait(project.start()) == 0, project.log
    return project


@pytest.fixture
def enter_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnterCopy:
    """Copies a project, and makes the copy the current folder."""

    def enter(made: Path) -> Path:
        copy = tmp_path / "project"
        shutil.copytree(made, copy)
        monkeypatch.chdir(copy)
        return copy

    return enter


@pytest.fixture
def project(finished: Path, enter_copy: EnterCopy) -> Path:
    """A copy of the finished project as the current folder."""
    return enter_copy(finished)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `dmtbench` with these arguments, in this process."""

    def command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["dmtbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return Done(int(end.value.code or 0), out.splitlines(), err.splitlines())

    return command


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium: one for all tests, since Playwright runs once in a process."""
    if not CHROMIUM:
        pytest.skip("needs Chromium (Debian's package `chromium`)")
    with browser() as made:
        yield made
