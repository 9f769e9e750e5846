"""Init stage: a folder for experiments of somebody who installed the package."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pipeline.config.experiment import METHODS_FILE, RECIPES_FILE
from pipeline.config.tolerances import TOLERANCES_FILE
from pipeline.errors import DataError
from pipeline.files import atomic_folder
from pipeline.shipped import SHIPPED

_COPIED = (
    ".dvc/.gitignore",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "docs/schemas",
    "params.yaml",
    "profiles",
    "reports/counted",
    "reports/published",
)
_SHARED = (METHODS_FILE, RECIPES_FILE, TOLERANCES_FILE)
"""Read from the package, so that an upgrade renews them; experiments replace single values, and a
project may have its own tolerances."""

# Only this part of the configuration here: the rest may name a storage, which is not the project's.
_DVC_CONFIG = """\
[core]
    analytics = false
    check_update = false
"""

_SNAKEFILE = """\
# The workflow of the installed dmtbench; the experiments are in config/.
from pipeline.shipped import SHIPPED


include: str(SHIPPED / "Snakefile")


# An included file does not set the default target.
rule project:
    default_target: True
    input:
        rules.all.input,
"""
_CODE = re.compile(r"^ +- (?:requirements\.lock|dmtnet|baselines|pipeline)\n", re.MULTILINE)


def make_project(folder: Path) -> None:
    """Write a project: experiments, published numbers, profiles, and the files of the workflow.

    Args:
        folder: need not exist yet; an existing one must be empty.

    Raises:
        DataError: the folder holds files, is a file, or cannot be written.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataError(f"{folder}: is not an empty folder; name one that does not exist yet")
    with atomic_folder(folder) as made:
        for name in _COPIED:
            _copy(SHIPPED / name, made / name)
        for path in sorted((SHIPPED / "config").iterdir()):
            if path.suffix in (".md", ".yaml") and path not in _SHARED:
                _copy(path, made / "config" / path.name)
        (made / "Snakefile").write_text(_SNAKEFILE, encoding="utf-8")
        (made / ".dvc" / "config").write_text(_DVC_CONFIG, encoding="utf-8")
        # DVC follows the code of a checkout; here it lies in the installed package.
        stages = (SHIPPED / "dvc.yaml").read_text(encoding="utf-8")
        (made / "dvc.yaml").write_text(_CODE.sub("", stages), encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        # Not their permissions: the files of an installed package may be read-only.
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
