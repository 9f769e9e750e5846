"""Types of what the fixtures in conftest.py give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.config.experiment import Experiment


@dataclass(frozen=True)
class Tiny:
    """The data set of `e2e/tiny.yaml`, made once; tests must not write into it."""

    experiment: Experiment
    config: Path
    raw: Path
    manifest: Path
    store: Path
    patches: Path


class Done(NamedTuple):
    """How a command ended: status, lines of its output and of its complaints."""

    code: int
    out: list[str]
    err: list[str]


EnterCopy = Callable[[Path], Path]
Run = Callable[..., Done]
