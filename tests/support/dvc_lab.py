"""A repository whose demo is a miniature, and commands of a reader in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from support.clones import git, publish
from support.paths import TINY
from support.tutorial import prepare_environment

OUTPUTS = ("data", "runs", "results", ".dvc/cache", ".snakemake", "state", "logs", "mlartifacts")
_UNCHANGED = "Stage '{}' didn't change, skipping"
STAGES = ("data", "results", "reports")
DEMO = Path("config/demo.yaml")


def shell(folder: Path, commands: str) -> str:
    """Run commands in this environment, and the code of the folder; what they printed."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    identity = {"GIT_AUTHOR_NAME": "reader", "GIT_AUTHOR_EMAIL": "reader@example.org"}
    identity |= {name.replace("AUTHOR", "COMMITTER"): text for name, text in identity.items()}
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        # The environment may have another checkout installed.
        env={**environment, **identity, "PYTHONPATH": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def make_repository(folder: Path, only: Sequence[str]) -> None:
    """Commit everything here, with a miniature of these methods as the demo."""
    publish(folder)
    data = yaml.safe_load(TINY.read_text())
    data |= {"only": list(only), "complexity_size": [64, 64], "sample_images": 1}
    (folder / DEMO).write_text(yaml.safe_dump(data, sort_keys=False))
    git(folder, "commit", "-q", "-a", "-m", "A miniature")
    shell(folder, prepare_environment("."))


def did_nothing(printed: str) -> bool:
    """Whether `dvc repro` ran no stage."""
    return all(_UNCHANGED.format(stage) in printed for stage in STAGES)


def rules_run(printed: str) -> list[str]:
    """Rules of the jobs that Snakemake finished, sorted; without those that only collect."""
    found = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", printed)
    return sorted(rule for rule in found if not rule.startswith("all"))


def wipe(folder: Path) -> None:
    """Delete what DVC stores, its cache, and everything else that the workflow made."""
    made = [folder / name for name in OUTPUTS]
    made += [file for file in (folder / "reports").iterdir() if file.name not in _KEPT]
    made += [*folder.glob("mlflow.db*")]
    for path in made:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    assert not git(folder, "status", "--porcelain")


_KEPT = ("published", "counted")
