"""What the networks of an experiment cost, without loading torch: counted in a separate process.

Counting takes seconds for a network of full size. The numbers are kept in the user's cache folder
under a key of everything that they depend on, so the jobs of a workflow don't count them again.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.code_hash import PYTHON
from pipeline.config.experiment import Experiment, digest_of
from pipeline.errors import ConfigError, DataError
from pipeline.files import write_text
from pipeline.methods import get_method

_PIPELINE = Path(__file__).resolve().parents[1]
_CACHE = Path("dmtbench", "counts")
_TAIL = 300


@dataclass(frozen=True)
class Counted:
    """One training.

    `views`: of the method's input. `parameters`: of the network. `macs_per_pixel`: of a forward
    pass. `step_bytes`: what weights, optimizer and the tensors of a step take. `flop`: operations
    of the whole training, in floating point.
    """

    views: int
    parameters: int
    macs_per_pixel: float
    step_bytes: int
    flop: float


COUNTED = TypeAdapter(Counted)
"""Reads what a counting process wrote."""

_ANSWER = TypeAdapter(dict[str, Counted])


class Counts:
    """The costs of the trained networks of an experiment.

    Args:
        experiment: the experiment.
        config: its file, which the counting process reads.
    """

    def __init__(self, experiment: Experiment, config: Path) -> None:
        self.experiment, self.config = experiment, config
        self._known: dict[tuple[str, int], Counted] = {}
        self._paths: dict[tuple[str, int], Path] = {}

    def known(self, name: str, windows: int) -> Counted | None:
        """What has been counted before; `None` if it would have to be counted now.

        Args:
            name: a method that is trained by gradients.
            windows: number of training windows.
        """
        if (name, windows) not in self._known:
            found = _read(self._path(name, windows))
            if found is None:
                return None
            self._known[name, windows] = found
        return self._known[name, windows]

    def count(self, names: Iterable[str], windows: int) -> None:
        """Count the networks of these methods, apart from those that are known.

        This imports their modules, in a separate process.

        Raises:
            ConfigError: a network cannot be built.
        """
        missing = [name for name in dict.fromkeys(names) if self.known(name, windows) is None]
        if not missing:
            return
        command = [sys.executable, "-m", "pipeline.planning.count_networks"]
        command += [str(self.config), str(windows), *missing]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            answer = _ANSWER.validate_json(done.stdout)
        except ValidationError as error:
            reason = " ".join(done.stderr.split())[-_TAIL:] or "no answer"
            raise ConfigError(f"{self.config}: networks cannot be counted ({reason})") from error
        for name, found in answer.items():
            self._known[name, windows] = found
            # Where the folder is read-only, every process counts for itself.
            with suppress(DataError):
                write_text(self._path(name, windows), json.dumps(asdict(found)))

    def _path(self, name: str, windows: int) -> Path:
        if (name, windows) not in self._paths:
            self._paths[name, windows] = _folder() / f"{self._key(name, windows)}.json"
        return self._paths[name, windows]

    def _key(self, name: str, windows: int) -> str:
        experiment = self.experiment
        recipe, method = experiment.recipe_of(name), get_method(name, experiment)
        key = {
            "module": method.entry.module,
            "kwargs": experiment.trained_kwargs(name),
            "recipe": recipe and recipe.model_dump(mode="json"),
            "patches": experiment.patches.model_dump(mode="json"),
            "compute": experiment.compute.model_dump(mode="json"),
            "windows": windows,
            "code": [method.code_hash(), _own_code(), PYTHON, version("torch")],
        }
        return digest_of(key)


def _read(path: Path) -> Counted | None:
    try:
        return COUNTED.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / _CACHE


@cache
def _own_code() -> str:
    digest = hashlib.sha256()
    for path in sorted(_PIPELINE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
