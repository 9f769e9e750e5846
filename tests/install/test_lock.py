"""The lock file: it covers what the project asks for, and every way to install takes it."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.paths import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text()
LOCKED = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;]+)", LOCK, re.MULTILINE))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
FROM_TORCH = {"torch", "torchvision"}


def cuda_only(name: str) -> bool:
    return name == "triton" or name.startswith(("nvidia-", "cuda-"))


def asked_for() -> list[str]:
    project = PROJECT["project"]
    extras = [text for extra in project["optional-dependencies"].values() for text in extra]
    return [*project["dependencies"], *extras, *PROJECT["build-system"]["requires"]]


@pytest.mark.parametrize("text", asked_for())
def test_everything_that_is_asked_for_is_locked(text: str) -> None:
    """If this fails: `make lock`."""
    wanted = Requirement(text)
    assert wanted.specifier.contains(LOCKED[canonicalize_name(wanted.name)])


def oldest_python() -> str:
    (oldest,) = re.findall(r">=([0-9.]+)", PROJECT["project"]["requires-python"])
    return str(oldest)


def test_conda_takes_the_lock_file_and_its_python() -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert python == f"python={oldest_python()}"
    assert pip == "pip"
    assert packages == {"pip": ["--no-deps -r requirements.lock"]}
    makefile = (REPOSITORY / "Makefile").read_text()
    assert f"--python-version {oldest_python()} " in makefile


def recipe(torch: str) -> list[str]:
    """The commands of `make install`, without running them."""
    command = ["make", "--dry-run", "--always-make", "install", f"TORCH={torch}", "VENV=nowhere"]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def test_with_cuda_the_lock_file_is_installed_as_it_is() -> None:
    assert [line for line in recipe("cuda") if line.endswith("-r requirements.lock")]
    assert not [line for line in recipe("cuda") if "download.pytorch.org" in line]


def test_without_a_gpu_only_packages_for_cuda_are_left_out() -> None:
    lines = recipe("cpu")
    (filtered,) = [line for line in lines if line.startswith("awk")]
    awk, pipe, install = filtered.partition(" | ")
    assert pipe
    assert install.endswith("-r /dev/stdin")
    made = subprocess.run(awk, shell=True, cwd=REPOSITORY, check=True, capture_output=True)
    left = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", made.stdout.decode(), re.MULTILINE)
    assert {*LOCKED} - {*left} == {name for name in LOCKED if cuda_only(name)} | FROM_TORCH
    # Whole entries: no checksum is left without its package.
    assert made.stdout.decode().count("--hash") < LOCK.count("--hash")
    assert made.stdout.decode().startswith(f"{left[0]}==")


def test_without_a_gpu_the_version_of_torch_is_that_of_the_lock_file() -> None:
    (from_index,) = [line for line in recipe("cpu") if "download.pytorch.org" in line]
    inner = from_index[from_index.index("$(") + 2 : from_index.rindex(")")]
    words = subprocess.run(inner, shell=True, cwd=REPOSITORY, check=True, capture_output=True)
    assert sorted(words.stdout.decode().split()) == sorted(
        f"{name}=={LOCKED[name]}" for name in FROM_TORCH
    )


def test_nothing_else_needs_what_is_left_out() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", LOCK)
    for entry in entries:
        name = entry.partition("==")[0]
        via = set(re.findall(r"^    #   (?:via )?([a-z0-9-]+)$", entry, re.MULTILINE))
        via |= set(re.findall(r"^    # via ([a-z0-9-]+)$", entry, re.MULTILINE))
        if cuda_only(name):
            assert all(cuda_only(other) or other in FROM_TORCH for other in via), (name, via)


@pytest.mark.parametrize("name", ["Dockerfile", "dmtbench.def"])
def test_images_are_installed_by_the_same_recipe(name: str) -> None:
    text = (REPOSITORY / "containers" / name).read_text()
    assert re.search(r"make install TORCH=", text)
    assert "pip install" not in text
    assert f"python:{oldest_python()}-" in text
