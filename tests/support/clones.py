"""Repositories of the files here, changes included, for tests that need a clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.paths import REPOSITORY


def git(folder: Path, *arguments: str) -> str:
    """Run git as a made-up author; what it printed."""
    identity = ("-c", "user.name=reader", "-c", "user.email=reader@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def publish(target: Path) -> None:
    """Make a repository of all files here that git would not ignore, changes included."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("needs a clone of the repository")
    names = git(REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, names):
        source, copy = REPOSITORY / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    git(target, "init", "-q")
    git(target, "add", "-A")
    git(target, "commit", "-q", "-m", "Everything")
