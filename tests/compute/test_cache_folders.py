"""Cache folders of libraries, where the home folder cannot hold them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.paths import REPOSITORY, TINY
from support.permissions import bound, permissions_bind, read_only

from pipeline.compute.cache_folders import provide_cache_folders
from pipeline.errors import UserError


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own, and a home folder that can be written."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder / f"dmtbench-cache-{os.getuid()}"


def closed_home(folder: Path) -> Path:
    return folder / "home"


def closed_cache(folder: Path) -> Path:
    return folder / "home" / ".cache"


def closed_by_another_user(folder: Path) -> Path:
    return folder / "home" / ".cache" / "snakemake"


@pytest.mark.parametrize("closed", [closed_home, closed_cache, closed_by_another_user])
def test_a_home_folder_that_cannot_be_written(
    tmp_path: Path, temporary: Path, closed: Callable[[Path], Path]
) -> None:
    with read_only(closed(tmp_path)), permissions_bind():
        provide_cache_folders(os.environ)
    assert os.environ["XDG_CACHE_HOME"] == str(temporary)
    assert os.environ["MPLCONFIGDIR"] == str(temporary / "matplotlib")
    # Weights that the user has are still found.
    assert os.environ["TORCH_HOME"] == str(tmp_path / "home" / ".cache" / "torch")
    assert temporary.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null/home"])
def test_a_home_folder_that_does_not_exist(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", home)
    with permissions_bind():
        provide_cache_folders(os.environ)
    assert os.environ["XDG_CACHE_HOME"] == str(temporary)


def test_a_user_without_a_home_folder(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(unknown))
    environment: dict[str, str] = {}
    provide_cache_folders(environment)
    assert environment["HOME"] == environment["XDG_CACHE_HOME"] == str(temporary)


def test_a_usual_home_folder_is_used(temporary: Path) -> None:
    environment: dict[str, str] = {}
    provide_cache_folders(environment)
    assert (environment, temporary.exists()) == ({}, False)


def test_a_cache_folder_of_the_users_choice(tmp_path: Path, temporary: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path / "other")}
    with read_only(tmp_path / "home"), permissions_bind():
        provide_cache_folders(environment)
    assert (list(environment), temporary.exists()) == (["XDG_CACHE_HOME"], False)


def test_a_temporary_folder_of_somebody_else(tmp_path: Path, temporary: Path) -> None:
    temporary.mkdir(mode=0o777)
    temporary.chmod(0o777)
    with (
        read_only(tmp_path / "home"),
        permissions_bind(),
        pytest.raises(UserError, match="set TMPDIR to another folder"),
    ):
        provide_cache_folders(os.environ)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_the_workflow_with_a_home_folder_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A target that the command itself refuses: Snakemake must get that far."""
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    for name in ("Snakefile", "pipeline", "config", "environment.yml"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    words = [sys.executable, "-m", "pipeline", command, "no/such/target"]
    done = subprocess.run(
        bound([*words, "--config", str(TINY)]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no/such/target" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
