"""Git state of the code in use: the commit, and whether it tells what ran."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterable
from pathlib import Path

from pipeline.config.experiment import Experiment

_OWN = ("baselines", "dmtnet", "pipeline")
_CODE = ("*.py", "*.so", "*.npz")


def git_state(folder: Path, places: Iterable[Path] = ()) -> tuple[str | None, bool | None]:
    """Commit checked out at `folder`, and whether the code in use may differ from commits.

    Args:
        folder: the checkout.
        places: packages and modules in use, here or elsewhere. Each is looked up in the
            repository that it belongs to.

    Returns:
        The state is dirty if tracked files of the checkout, or of `places` in other repositories,
        were changed; if a place has files of code that git does not track, ignored ones included;
        or if it belongs to no repository. `(None, None)` if `folder` is outside a repository,
        without a commit or without git, or if git tracks nothing in it, as in an environment that
        lies in somebody's own repository.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or not _git(folder, "ls-files", "--", "."):
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if changes is None:
        return commit, None
    return commit, bool(changes) or any(_is_dirty(place) for place in places)


def code_in_use(experiment: Experiment) -> list[Path]:
    """Packages and modules that make the numbers of an experiment, each as a whole.

    They are this project's, and those of every method, ablation and metric. Nothing is imported.
    """
    modules = [entry.module for entry in experiment.methods.values()]
    modules += [entry.module for entry in experiment.metrics.values()]
    tops = dict.fromkeys([*_OWN, *(module.split(".")[0] for module in modules)])
    return [place for top in tops for place in _places(top)]


def _places(top: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module made at run time
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder).resolve() for folder in spec.submodule_search_locations]
    return [Path(spec.origin).resolve()] if spec.has_location and spec.origin else []


def _is_dirty(place: Path) -> bool:
    """Whether a package's folder or a module's file is not as a commit has it."""
    folder, names = (place, _CODE) if place.is_dir() else (place.parent, (place.name,))
    # Without excludes, this also lists ignored files: Python imports them all the same.
    untracked = _git(folder, "ls-files", "--others", "--", *names)
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", *names)
    return untracked != "" or changed != ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            # Names of files come in any encoding.
            errors="replace",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
