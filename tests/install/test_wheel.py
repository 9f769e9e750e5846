"""Wheel and sdist: built here, and the wheel used from an empty folder, without a checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.paths import REPOSITORY, TINY

from pipeline.stages import init

pytest.importorskip("hatchling")

PACKAGES = ("baselines", "dmtnet", "pipeline")
WORKFLOW = "pipeline/rules/"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and the dependencies of this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    packages = next(folder.glob("lib/*/site-packages"))
    # Links to packages are not followed from there, so this checkout stays out of sight.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    snakemake = folder / "bin" / "snakemake"
    snakemake.write_text(f'#!/bin/sh\nexec {python} -m snakemake "$@"\n')
    snakemake.chmod(0o755)
    return folder / "bin"


@pytest.fixture
def command(installed: Path, tmp_path: Path) -> Command:
    hidden = {"PYTHONPATH", "VIRTUAL_ENV"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment["PATH"] = os.pathsep.join([str(installed), environment["PATH"]])

    def run(*arguments: object, folder: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in arguments]
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)

    return run


def tracked() -> set[str]:
    if not (REPOSITORY / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a checkout and git")
    listed = ["git", "-C", str(REPOSITORY), "ls-files", "--cached", "--deduplicate", "-z"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name for name in names if name and (REPOSITORY / name).exists()}


def test_the_sdist_holds_what_git_tracks(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked() <= names


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {name for name in tracked() if name.split("/")[0] in PACKAGES}
    rules = {name for name in own if name.startswith(WORKFLOW)}
    assert rules
    assert own - rules <= names
    assert {f"pipeline/project/{name}" for name in rules} <= names
    assert not rules & names


def test_the_wheel_holds_what_init_copies(wheel: Path) -> None:
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    copied = [Path("pipeline/project", name) for name in (*init._COPIED, "config", "dvc.yaml")]
    assert [one for one in copied if not any(one in (name, *name.parents) for name in names)] == []


def test_an_editable_installation_needs_hatchling_only(tmp_path: Path) -> None:
    """Its only other way takes a package that pip cannot fetch with --no-build-isolation."""
    build = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (made,) = tmp_path.glob("*.whl")
    assert zipfile.ZipFile(made).read("_dmtbench.pth").decode().split() == [str(REPOSITORY)]


@pytest.mark.slow
@pytest.mark.e2e
def test_a_project_made_by_the_wheel_runs(command: Command, tmp_path: Path) -> None:
    made = command("dmtbench", "init", "mine")
    assert made.returncode == 0, made.stderr
    project = tmp_path / "mine"
    shutil.copy(TINY, project / "config" / "tiny.yaml")
    # One target is enough: it needs Snakefile, rules, command, methods and recipes.
    target, config = "data/tiny/patches.csv", ["--configfile", "config/tiny.yaml"]
    done = command("snakemake", "--cores", 1, target, *config, folder=project)
    assert done.returncode == 0, done.stderr
    assert (project / target).exists()
    planned = command("snakemake", "--dry-run", "--cores", 1, *config, folder=project)
    assert planned.returncode == 0, planned.stderr
    jobs = re.findall(
        r"^(table1|train|patches) +\d+$", planned.stdout + planned.stderr, re.MULTILINE
    )
    assert sorted({*jobs}) == ["table1", "train"]


def test_commands_that_work_everywhere_do_so_without_a_project(command: Command) -> None:
    listed = command("dmtbench", "list", "methods")
    assert listed.returncode == 0, listed.stderr
    assert "dmtnet-b\t" in listed.stdout
    lost = command("dmtbench", "table1")
    assert lost.returncode == 1
    assert lost.stderr.count("\n") == 1
    assert "dmtbench init" in lost.stderr
